//go:build !linux

package transcode

import (
	"os/exec"
	"time"
)

// apart leaves the child as it is. Where we die, it dies of the end of its input.
func apart(*exec.Cmd) {}

// confine has no portable way.
func confine(int) error { return nil }

// processorTime is not told of a process that runs.
func processorTime(int) time.Duration { return 0 }
