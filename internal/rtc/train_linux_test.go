package rtc

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"
)

// Where the kernel refuses to cut datagrams, here since they bear no checksums, they all go one by one, and that is said once.
func TestTrainThatIsRefused(t *testing.T) {
	var said bytes.Buffer
	to := loopback(t)
	p, train := trainTo(t)
	p.log = slog.New(slog.NewTextHandler(&said, nil))
	raw, err := p.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_NO_CHECK, 1) })
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	all := append(frame(), packet(source, 100, 60), packet(source, 101, 1240))
	for range 3 {
		train.Hold()
		write(t, p, to, all...)
		train.Send()
		read(t, to, all...)
	}
	if !train.plain.Load() {
		t.Error("the kernel is asked again")
	}
	if n := strings.Count(said.String(), "one by one"); n != 1 {
		t.Errorf("said %d times: %s", n, &said)
	}
}

// The kernel of today cuts datagrams: a run of packets is one call.
func TestPortCuts(t *testing.T) {
	p, train := trainTo(t)
	if p.whole || train.port != p {
		t.Error("datagrams go one by one")
	}
}
