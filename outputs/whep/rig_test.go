package whep_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/outputs/whep"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// Tracks of H.264 High of 64x36, AAC and Opus.
var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: mustHex("0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800")}
	sound = &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000}
	aac   = &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Config: mustHex("1190")}
	cards = &media.Track{ID: overlay.TrackID, Codec: media.Overlay}
)

const ticket = "tsl-token-of-some-length"

func mustHex(s string) []byte {
	b := make([]byte, len(s)/2)
	for i := range b {
		n, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			panic(err)
		}
		b[i] = byte(n)
	}
	return b
}

func ms(n int64) media.Time { return media.Time(n) * media.Millisecond }

// rig is a server on loopback, with the private stream maria and two partners.
type rig struct {
	*testing.T
	server   *whep.Server
	http     *httptest.Server
	stream   *relay.Stream
	pub      *relay.Publisher
	registry *access.Registry
	contract access.Contract
	carried  outputs.Carried
	url      string
	udp, tcp string // addresses of the media
	seq      byte
	last     []byte // the newest picture
}

// newRig starts a server whose stream has no session yet.
func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, func(udp net.PacketConn) net.PacketConn { return udp })
}

// newRigOn is newRig, with what stands between the server and its UDP port.
func newRigOn(t *testing.T, on func(net.PacketConn) net.PacketConn) *rig {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	r := &rig{T: t, registry: &access.Registry{}}
	hub := &relay.Hub{}
	r.registry.Replace(map[string]access.Grant{"maria": {Key: access.DigestOf("maria-key")}})
	r.contract = access.Contract{
		Partner: "tsl", Digest: access.DigestOf(ticket), Streams: []string{"maria"}, Protocols: []access.Protocol{access.WHEP}, MaxConnections: 2,
	}
	other := access.Contract{Partner: "other", Digest: access.DigestOf("other-token"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP}}
	r.registry.SetContracts([]access.Contract{r.contract, other})
	r.stream = hub.Stream("maria")
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	level := slog.LevelWarn
	if os.Getenv("WHEP_LOG") != "" {
		level = slog.LevelDebug
	}
	endpoint := &rtc.Endpoint{UDP: on(udp), TCP: tcp}
	r.udp, r.tcp = udp.LocalAddr().String(), tcp.Addr().String()
	r.server = &whep.Server{
		Endpoint: endpoint, Registry: r.registry, Links: []string{"stun:stun.example.com:3478"},
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})),
		Stream: func(name string) (*relay.Stream, bool) { return hub.Stream(name), hub.Stream(name).Snapshot().Live },
		Feed: func(_, partner string) (whep.Feed, bool) {
			return whep.Feed{Output: "feed:whep:" + partner, View: &overlay.View{Currency: "USD"}, Carried: &r.carried}, true
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{endpoint.Run, r.server.Run} {
		all.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	r.until("the server to run", r.server.Runs)
	mux := http.NewServeMux()
	mux.Handle(whep.Path, r.server.Handler())
	r.http = httptest.NewServer(mux)
	r.url = r.http.URL + whep.Path + "maria"
	t.Cleanup(func() {
		r.http.Close()
		cancel()
		all.Wait()
	})
	return r
}

// begin begins a session of the stream.
func (r *rig) begin(tracks ...*media.Track) {
	r.Helper()
	var err error
	if r.pub, err = r.stream.Publish(tracks); err != nil {
		r.Fatal(err)
	}
	r.pub.SetWall(0, time.Now())
}

// picture is an access unit whose one slice has so many bytes, no two alike.
func (r *rig) picture(key bool, size int) []byte {
	data := make([]byte, 4+size)
	data[1], data[2], data[3] = byte(size>>16), byte(size>>8), byte(size)
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	r.seq++
	for i := 5; i < len(data); i++ {
		data[i] = r.seq ^ byte(i) | 1
	}
	r.last = data
	return data
}

func (r *rig) write(t *media.Track, at int64, key bool, data []byte) {
	r.Helper()
	if err := r.pub.WriteFrame(&media.Frame{Track: t, PTS: ms(at), DTS: ms(at), Key: key, Data: data}); err != nil {
		r.Fatal(err)
	}
}

// opus is a packet of 20 ms.
func opus(n byte) []byte { return []byte{0xfc, n, n + 1, n + 2} }

// state gives the neutral form of a state with one card.
func (r *rig) state(seq, at int64) []byte {
	r.Helper()
	p := &overlay.Product{
		ID: "red", Title: []overlay.Text{{Lang: "en", Text: "Dress"}}, Link: "https://a.b/c",
		Price: []overlay.Money{{Amount: 2499, Currency: "EUR"}, {Amount: 2799, Currency: "USD"}},
	}
	data, err := overlay.EncodeState(&overlay.State{Stream: "abc", Seq: seq, At: ms(at), Cards: []overlay.Card{{Cue: "c", Slot: "main", Style: "card", Product: p}}})
	if err != nil {
		r.Fatal(err)
	}
	return data
}

// until asks until cond is true.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	end := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(end) {
			r.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// setContract takes the contract of the partner as it is now.
func (r *rig) setContract() { r.registry.SetContracts([]access.Contract{r.contract}) }
