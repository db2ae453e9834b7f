package transcode

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// apart puts a child into its own process group, and lets it die with us.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// confine bounds what a child may take. Memory is what it allocates (RLIMIT_DATA), since the libraries that ffmpeg maps take most of a
// bound on addresses. It writes no file and no core.
func confine(pid int) error {
	var faults []error
	for _, limit := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_DATA, maxMemory},
		{unix.RLIMIT_NOFILE, maxFiles},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CORE, 0},
	} {
		err := unix.Prlimit(pid, limit.resource, &unix.Rlimit{Cur: limit.most, Max: limit.most}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) { // it is gone already
			faults = append(faults, fmt.Errorf("limit %d: %w", limit.resource, err))
		}
	}
	return errors.Join(faults...)
}

// tick is the unit of times in /proc, the same on all architectures that Go runs on.
const tick = 10 * time.Millisecond

// processorTime gives what a process has used of the processors, by proc_pid_stat(5), fields 14 and 15.
func processorTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // from field 3 on
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64) // the kernel writes numbers
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick
}
