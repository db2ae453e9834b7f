package peer

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/rtc"
)

// Stage is a server of WHIP or WHEP on loopback.
type Stage struct {
	HTTP     *httptest.Server
	URL      string // of the stream maria
	UDP, TCP string // addresses of the media
}

// Server is what answers: WHIP's side or WHEP's.
type Server interface {
	Run(ctx context.Context) error
	Runs() bool
	Handler() http.Handler
}

// Ports opens what a server's media travel by. on stands between the server and its UDP port; nil: nothing does.
func Ports(t testing.TB, on func(net.PacketConn) net.PacketConn) (e *rtc.Endpoint, s *Stage) {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &Stage{UDP: udp.LocalAddr().String(), TCP: tcp.Addr().String()}
	if on != nil {
		udp = on(udp)
	}
	return &rtc.Endpoint{UDP: udp, TCP: tcp}, s
}

// Serve lets a server answer below a path until the end of the test.
func (s *Stage) Serve(t testing.TB, path string, e *rtc.Endpoint, server Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{e.Run, server.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	mediatest.Within(t, 10*time.Second, "the server to run", server.Runs)
	mux := http.NewServeMux()
	mux.Handle(path, server.Handler())
	s.HTTP = httptest.NewServer(mux)
	s.URL = s.HTTP.URL + path + "maria"
	t.Cleanup(func() {
		s.HTTP.Close()
		cancel()
		all.Wait()
	})
}
