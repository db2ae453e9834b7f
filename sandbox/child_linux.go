package sandbox

import (
	"os/exec"
	"syscall"
)

// apart puts a child into its own process group, ends the whole group when it is cancelled, and lets it die with us.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
