//go:build !windows

package main

import (
	"os"
	"syscall"
)

// hangupSignals make the program read its configuration anew.
var hangupSignals = []os.Signal{syscall.SIGHUP}
