//go:build linux

package meter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/bench/meter"
)

// What a child of the process does is counted, and its log is kept.
func TestProcess(t *testing.T) {
	p, err := meter.Start(0, filepath.Join(t.TempDir(), "log"), "sh", "-c", "echo here; sh -c 'while :; do :; done'; echo never")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(15 * time.Second)
	for meter.Of(p.PID()).CPU < 50*time.Millisecond {
		if time.Now().After(end) {
			t.Fatalf("a busy child has used %v in 15 s", meter.Of(p.PID()).CPU)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := meter.Of(p.PID()).RSS; got < 100<<10 {
		t.Errorf("resident: %d bytes", got)
	}
	p.Stop()
	select {
	case <-p.Done():
	default:
		t.Error("stopped, and still there")
	}
	if got := meter.Of(p.PID()); got != (meter.Usage{}) {
		t.Errorf("a process that is gone uses %+v", got)
	}
	if got := strings.TrimSpace(p.Log()); got != "here" {
		t.Errorf("log %q, want here", got)
	}
}

func TestStartNothing(t *testing.T) {
	if _, err := meter.Start(-1, filepath.Join(t.TempDir(), "log"), "/no/such/program"); err == nil {
		t.Error("started a program that is not there")
	}
}

func TestMachine(t *testing.T) {
	if m := meter.Here(); m.Cores < 1 || m.Kernel == "" {
		t.Errorf("machine %+v", m)
	}
	before, _ := meter.Busy()
	begun := meter.Of(os.Getpid()).CPU
	for meter.Of(os.Getpid()).CPU < begun+50*time.Millisecond {
		_ = strings.Repeat("work", 1000)
	}
	if after, _ := meter.Busy(); after <= before {
		t.Errorf("CPUs have worked %v before and %v after 50 ms of work", before, after)
	}
}
