package whep_test

import (
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/outputs/whep"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// Tracks of H.264 High of 64x36, AAC and Opus.
var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: mediatest.SmallAVC}
	sound = &media.Track{ID: 1, Codec: media.Opus, ClockRate: 48000}
	aac   = &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Config: mediatest.StereoAAC}
	cards = &media.Track{ID: overlay.TrackID, Codec: media.Overlay}
)

const ticket = "tsl-token-of-some-length"

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
	slices   mediatest.Slices
	last     []byte // the newest picture
}

// newRig starts a server whose stream has no session yet.
func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, nil)
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
	endpoint, stage := peer.Ports(t, on)
	level := slog.LevelWarn
	if os.Getenv("WHEP_LOG") != "" {
		level = slog.LevelDebug
	}
	r.server = &whep.Server{
		Endpoint: endpoint, Registry: r.registry, Links: []string{"stun:stun.example.com:3478"},
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})),
		Stream: func(name string) (*relay.Stream, bool) { return hub.Stream(name), hub.Stream(name).Snapshot().Live },
		Feed: func(_, partner string) (whep.Feed, bool) {
			return whep.Feed{Output: "feed:whep:" + partner, View: &overlay.View{Currency: "USD"}, Carried: &r.carried}, true
		},
	}
	stage.Serve(t, whep.Path, endpoint, r.server)
	r.http, r.url, r.udp, r.tcp = stage.HTTP, stage.URL, stage.UDP, stage.TCP
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
	r.last = r.slices.Next(key, size)
	return r.last
}

func (r *rig) write(t *media.Track, at int64, key bool, data []byte) {
	r.Helper()
	if err := r.pub.WriteFrame(&media.Frame{Track: t, PTS: ms(at), DTS: ms(at), Key: key, Data: data}); err != nil {
		r.Fatal(err)
	}
}

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
	mediatest.Within(r, 10*time.Second, what, cond)
}

// setContract takes the contract of the partner as it is now.
func (r *rig) setContract() { r.registry.SetContracts([]access.Contract{r.contract}) }
