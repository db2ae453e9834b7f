//go:build linux

package mediatest

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// insideNamespace marks the run of a test inside its own network namespace.
const insideNamespace = "SIMULCART_TEST_NAMESPACE"

// Isolated runs the calling test again in a network namespace in which only loopback is up, and reports what became of
// it. In the outer run it gives false: the caller returns. In the inner run it gives true: the caller does its work.
//
// OBS Studio needs this: its WebSocket listens on all addresses and cannot be told otherwise.
func Isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		return true
	}
	Need(t, "unshare", "ip", "bash")
	args := []string{"--net"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "--", "bash", "-c", `ip link set lo up && exec "$@"`, "isolated",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v=true", "-test.count=1")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), insideNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("in its own network namespace:\n%s", out.String())
	if err != nil {
		t.Errorf("in its own network namespace: %v", err)
	}
	return false
}
