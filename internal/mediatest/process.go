//go:build linux

package mediatest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopPatience is how long a process has to leave after SIGTERM before it is killed.
const stopPatience = 5 * time.Second

// Command says what to start.
type Command struct {
	Name   string    // in messages; empty: the program's name
	Path   string    // program, looked up in PATH
	Args   []string  //
	Env    []string  // in addition to this process's own
	Dir    string    // working directory; empty: this process's own
	Stdout io.Writer // nil: into the log, as standard error always is
}

// Process is a child in a process group of its own. It is ended, with its children, when the test ends, and its log is
// printed where the test failed.
type Process struct {
	Name string

	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// Start starts a child and ends the test where that is not possible.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	if c.Name == "" {
		c.Name = filepath.Base(c.Path)
	}
	Need(t, c.Path)
	log, err := os.Create(filepath.Join(t.TempDir(), c.Name+".log"))
	if err != nil {
		t.Fatalf("log of %s: %v", c.Name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	p := &Process{Name: c.Name, log: log.Name(), exited: make(chan struct{})}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if c.Stdout != nil {
		p.cmd.Stdout = c.Stdout
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", c.Name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("last lines of %s (pid %d, %s), which ended with the test or before:\n%s", p.Name, p.PID(), p.cmd.ProcessState, lastLines(p.Log(), 40))
		}
	})
	return p
}

// PID gives the process id, which is also that of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log gives what the process wrote so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(b)
}

// Signal sends a signal to the process alone, not to its children.
func (p *Process) Signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // a process that is gone needs none
}

// Kill ends the process and its children at once, as kill -9 does, and waits for the process to be gone.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.exited
}

// Stop asks the process to leave (SIGTERM), and kills its group where it does not, or where children stay behind.
func (p *Process) Stop() {
	if !p.Exited() {
		_ = syscall.Kill(-p.PID(), syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(stopPatience):
		}
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.exited
}

// Done is closed when the process is gone.
func (p *Process) Done() <-chan struct{} { return p.exited }

// Exited says whether the process is gone.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait waits for the process to leave by itself and gives its exit code, -1 after a signal. It ends the test where
// that takes longer than patience.
func (p *Process) Wait(t testing.TB, patience time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s (pid %d) still runs after %v", p.Name, p.PID(), patience)
		return 0
	}
}

// CPU gives the processor time that the process and what else lives in its group used so far, user and system, in steps
// of 10 ms.
func (p *Process) CPU() time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	var sum time.Duration
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := bytes.Cut(b, []byte(") "))
		f := strings.Fields(string(rest)) // from field 3 of proc(5) on
		if len(f) < 13 || f[2] != strconv.Itoa(p.PID()) {
			continue
		}
		for _, ticks := range f[11:13] {
			n, _ := strconv.ParseInt(ticks, 10, 64) // the kernel writes numbers
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// Memory gives a line of /proc/PID/status in bytes: VmRSS for what is resident now, VmHWM for the most there was.
func (p *Process) Memory(line string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("memory of %s: %w", p.Name, err)
	}
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) == 3 && f[0] == line+":" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no line " + line)
}

// lastLines gives the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
