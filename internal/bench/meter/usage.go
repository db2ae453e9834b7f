//go:build linux

package meter

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process and all below it have used.
type Usage struct {
	CPU time.Duration // on a CPU, by the scheduler's own count
	RSS int64         // bytes that are resident now
}

// Of gives the usage of a process and its children, and of theirs.
func Of(pid int) Usage {
	var u Usage
	for _, p := range family(pid) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p)) // the pattern is well-formed
		for _, t := range tasks {
			u.CPU += time.Duration(first(t))
		}
		u.RSS += resident(p)
	}
	return u
}

// family gives a process and all below it.
func family(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	children := map[int][]int{}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := bytes.Cut(b, []byte(") "))
		if f := strings.Fields(string(rest)); len(f) > 1 { // from field 3 of proc(5) on
			child, _ := strconv.Atoi(strings.Split(name, "/")[2]) // the kernel writes numbers
			parent, _ := strconv.Atoi(f[1])
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// first gives the first number of a file, 0 where there is none.
func first(name string) int64 {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(f[0], 10, 64) // the kernel writes numbers
	return n
}

// resident gives the memory of one process, in bytes.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64) // the kernel writes numbers
			return kib << 10
		}
	}
	return 0
}

// tick is the unit of /proc/stat (USER_HZ).
const tick = 10 * time.Millisecond

// Busy gives the time that all CPUs together have worked since the machine's start, and what its host took from them.
func Busy() (worked, stolen time.Duration) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, s := range strings.Fields(line) {
		n, _ := strconv.ParseInt(s, 10, 64) // but for the first word, the kernel writes numbers
		switch i {                          // user, nice, system; irq, softirq; steal
		case 1, 2, 3, 6, 7:
			worked += time.Duration(n) * tick
		case 8:
			stolen += time.Duration(n) * tick
		}
	}
	return worked, stolen
}

// Machine is what figures depend on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
}

// Here describes this machine.
func Here() Machine {
	var m Machine
	b, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(name) {
			case "processor":
				m.Cores++
			case "model name":
				m.CPU = strings.TrimSpace(value)
			}
		}
	}
	if b, err = os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b))
	}
	return m
}
