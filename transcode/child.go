package transcode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const (
	maxMemory = 512 << 20 // bytes of data that a child may hold
	maxFiles  = 64        // that it may have open
	maxLines  = 20        // of what one child says that are logged
	maxLine   = 512       // bytes of each
)

// child is a running ffmpeg. Its owner reads out until that ends, then calls wait.
type child struct {
	in  io.WriteCloser
	out io.ReadCloser

	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone, with nothing left of it
	said chan struct{} // closed when all it said was read
}

// start starts the program. What it says goes to the log. The parent's death is the child's: it is forked from a thread that lives as long
// as the child does, since the kernel takes the end of that thread for the parent's.
func start(program string, args []string, log *slog.Logger) (*child, error) {
	var ends pipes
	c := &child{done: make(chan struct{}), said: make(chan struct{})}
	inRead, inWrite := ends.make()
	outRead, outWrite := ends.make()
	saidRead, saidWrite := ends.make()
	if ends.err != nil {
		ends.close()
		return nil, fmt.Errorf("make pipes: %w", ends.err)
	}
	c.cmd = exec.Command(program, args...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inRead, outWrite, saidWrite
	c.cmd.Env = []string{"LC_ALL=C"}
	c.cmd.Dir = string(os.PathSeparator)
	apart(c.cmd)
	started := make(chan error)
	go func() {
		defer close(c.done)
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // why it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		ends.close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	_, _, _ = inRead.Close(), outWrite.Close(), saidWrite.Close()
	c.in, c.out = inWrite, outRead
	if err := confine(c.cmd.Process.Pid); err != nil {
		log.Warn("child is not confined", "err", err)
	}
	go func() {
		defer close(c.said)
		listen(saidRead, log)
		_ = saidRead.Close()
	}()
	return c, nil
}

// kill ends the child at once. It may be called from any goroutine, also when the child is gone.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

// wait kills the child, waits until it is gone, and gives the time that it used the processor.
func (c *child) wait() time.Duration {
	c.kill()
	<-c.done
	_, _ = c.in.Close(), c.out.Close()
	<-c.said
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}

// usage gives the processor time used so far; 0 where the system does not tell it of a child that runs, and of one that is gone.
func (c *child) usage() time.Duration {
	used := processorTime(c.cmd.Process.Pid)
	select {
	case <-c.done:
		return 0 // the number may be another process's by now
	default:
		return used
	}
}

// listen logs what a child says, within bounds, until it says no more.
func listen(r io.Reader, log *slog.Logger) {
	lines := bufio.NewReaderSize(r, maxLine)
	for n := 0; ; {
		line, isPrefix, err := lines.ReadLine()
		for rest := isPrefix; rest && err == nil; {
			_, rest, err = lines.ReadLine()
		}
		if len(line) > 0 {
			if n++; n <= maxLines {
				log.Warn("child says", "text", string(line))
			}
		}
		switch {
		case err == nil:
		case n > maxLines:
			log.Warn("child said more", "lines", n-maxLines)
			return
		default:
			return
		}
	}
}

// pipes makes pipes and remembers their ends, and the first fault.
type pipes struct {
	ends []*os.File
	err  error
}

func (p *pipes) make() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		p.err = errors.Join(p.err, err)
		return nil, nil
	}
	p.ends = append(p.ends, r, w)
	return r, w
}

func (p *pipes) close() {
	for _, f := range p.ends {
		_ = f.Close()
	}
}
