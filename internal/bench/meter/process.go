//go:build linux

// Package meter starts the servers of the benchmark on a CPU of their own, and tells what they use.
package meter

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// stopPatience is how long a server has to leave after SIGTERM before it is killed.
const stopPatience = 5 * time.Second

// A Process is a server under measurement.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// Start starts a command line on one CPU, on any where that is negative. What it prints goes to the file log.
func Start(cpu int, log string, args ...string) (*Process, error) {
	if cpu >= 0 {
		args = append([]string{"taskset", "-c", strconv.Itoa(cpu)}, args...)
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", args[0], err)
	}
	defer out.Close() // the child has its own copy
	p := &Process{cmd: exec.Command(args[0], args[1:]...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is in ProcessState
		close(p.done)
	}()
	return p, nil
}

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log gives what it has printed so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Stop asks it to leave, kills it where it does not, and waits.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // a process that is gone needs none
	select {
	case <-p.done:
	case <-time.After(stopPatience):
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}
