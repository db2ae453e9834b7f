package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// A child gets its bounds while it runs, and cannot lift them.
func TestBound(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	apart(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := bound(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Max data size +536870912 +536870912 +bytes`, `Max open files +64 +64 +files`} {
		if !regexp.MustCompile(want).Match(limits) {
			t.Errorf("got no %q in\n%s", want, limits)
		}
	}
	if err := bound(0x7fffffff); err == nil {
		t.Error("a child that is not there was bounded")
	}
}
