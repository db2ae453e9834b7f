package sandbox

import (
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a child may have at most.
const (
	childMemory = 512 << 20 // bytes that it can write to, without those of its libraries
	childFiles  = 64        // open at once
)

// apart puts a child into its own process group, ends the whole group when it is cancelled, and lets it die with us.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// bound bounds what a running child may have.
func bound(pid int) error {
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{{"memory", unix.RLIMIT_DATA, childMemory}, {"files", unix.RLIMIT_NOFILE, childFiles}} {
		if err := unix.Prlimit(pid, l.resource, &unix.Rlimit{Cur: l.most, Max: l.most}, nil); err != nil {
			return fmt.Errorf("bound the child's %s: %w", l.name, err)
		}
	}
	return nil
}
