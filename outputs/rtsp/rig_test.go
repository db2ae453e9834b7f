package rtsp

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// Configurations as ffmpeg makes them: H.264 High of 64x36, and AAC-LC of 48 kHz stereo.
var (
	video = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000, Config: mediatest.SmallAVC}
	audio = &media.Track{ID: 1, Codec: media.AAC, ClockRate: 48000, Config: mediatest.StereoAAC}
	cards = &media.Track{ID: overlay.TrackID, Codec: media.Overlay}
)

func ms(n int64) media.Time { return media.Time(n) * media.Millisecond }

const ticket = "tsl-token-of-some-length"

// rig is a server on pipes and the fake clock, with the private stream maria and one partner.
type rig struct {
	*testing.T
	server   *Server
	stream   *relay.Stream
	pub      *relay.Publisher
	carried  outputs.Carried
	contract access.Contract
	log      bytes.Buffer
	logging  sync.Mutex
	pipes    *mediatest.Pipes
	lobby    access.Lobby
	crowded  chan bool // evicted, or not let in
}

// Write is the log's.
func (r *rig) Write(b []byte) (int, error) {
	r.logging.Lock()
	defer r.logging.Unlock()
	return r.log.Write(b)
}

func (r *rig) logged(text string) {
	r.Helper()
	r.logging.Lock()
	defer r.logging.Unlock()
	if !strings.Contains(r.log.String(), text) {
		r.Errorf("not logged: %q in\n%s", text, r.log.String())
	}
}

// on runs a test with a server.
func on(t *testing.T, test func(r *rig)) {
	t.Helper()
	with(t, func(*Server) {}, test)
}

// with is on, with a server that is changed first.
func with(t *testing.T, change func(*Server), test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, pipes: mediatest.NewPipes(), crowded: make(chan bool, 1)}
		hub, registry := &relay.Hub{}, &access.Registry{}
		registry.Replace(map[string]access.Grant{"maria": {Key: access.DigestOf("maria-key")}})
		r.contract = access.Contract{
			Partner: "tsl", Digest: access.DigestOf(ticket), Login: access.LoginOf("tsl", ticket), Streams: []string{"maria"},
			Protocols: []access.Protocol{access.RTSP}, MaxConnections: 2,
		}
		other := access.Contract{
			Partner: "other", Digest: access.DigestOf("other-token"), Login: access.LoginOf("other", "other-token"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP},
		}
		registry.SetContracts([]access.Contract{r.contract, other})
		r.stream = hub.Stream("maria")
		r.server = &Server{
			Registry: registry, Lobby: &r.lobby, Crowded: func(evicted bool) { r.crowded <- evicted }, Log: slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Stream: func(name string) (*relay.Stream, bool) { return hub.Stream(name), hub.Stream(name).Snapshot().Live },
			Feed: func(_, partner string) (Feed, bool) {
				return Feed{Output: "feed:rtsp:" + partner, View: &overlay.View{Currency: "USD"}, Carried: &r.carried}, true
			},
		}
		change(r.server)
		ctx, cancel := context.WithCancel(context.Background())
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := r.server.Serve(ctx, r.pipes); err != nil {
				r.Errorf("serve: %v", err)
			}
		})
		test(r)
		cancel()
		serving.Wait()
	})
}

// begin begins a session, whose media time 0 is now.
func (r *rig) begin() {
	r.Helper()
	var err error
	if r.pub, err = r.stream.Publish([]*media.Track{video, audio}); err != nil {
		r.Fatal(err)
	}
	r.pub.SetWall(0, time.Now())
}

// picture is an access unit whose one slice has so many bytes.
func picture(key bool, size int) []byte {
	data := make([]byte, 4+size)
	data[1], data[2], data[3] = byte(size>>16), byte(size>>8), byte(size)
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	return data
}

func (r *rig) write(t *media.Track, at int64, key bool, data []byte) {
	r.Helper()
	if err := r.pub.WriteFrame(&media.Frame{Track: t, PTS: ms(at), DTS: ms(at), Key: key, Data: data}); err != nil {
		r.Fatal(err)
	}
}

// state gives the neutral form of a state with one card.
func (r *rig) state(seq int64, at int64) []byte {
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

// caller is a client.
type caller struct {
	*wire.Conn
	r       *rig
	nc      net.Conn
	cseq    int
	session string
	auth    string // the Authorization header; empty: none
}

func (r *rig) dial() *caller { return r.dialFrom("192.0.2.1:5") }

func (r *rig) dialFrom(from mediatest.Address) *caller {
	ours, theirs := mediatest.PipeFrom(from)
	r.pipes.Dials <- theirs
	return &caller{Conn: wire.NewConn(ours), r: r, nc: ours}
}

// basic is what a user shows with the partner's token.
func basic(user string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+ticket))
}

// send sends a request.
func (c *caller) send(method, url string, fields ...wire.Field) {
	c.r.Helper()
	c.cseq++
	q := &wire.Request{Method: method, URL: url}
	q.Header.Add(wire.Field{Name: "CSeq", Value: strconv.Itoa(c.cseq)})
	if c.auth != "" {
		q.Header.Add(wire.Field{Name: "Authorization", Value: c.auth})
	}
	if c.session != "" {
		q.Header.Add(wire.Field{Name: "Session", Value: c.session})
	}
	q.Header.Add(fields...)
	if err := c.Write(q); err != nil {
		c.r.Fatalf("%s: %v", method, err)
	}
}

// ask sends a request and gives its answer; packets that come before it are passed over.
func (c *caller) ask(method, url string, fields ...wire.Field) *wire.Response {
	c.r.Helper()
	c.send(method, url, fields...)
	for {
		m, err := c.Read()
		if err != nil {
			c.r.Fatalf("%s: %v", method, err)
		}
		if a, ok := m.(*wire.Response); ok {
			if n, _ := a.Header.CSeq(); int(n) != c.cseq {
				c.r.Errorf("%s: answer to %d, want %d", method, n, c.cseq)
			}
			return a
		}
	}
}

// want is ask, with the status that must come.
func (c *caller) want(status int, method, url string, fields ...wire.Field) *wire.Response {
	c.r.Helper()
	a := c.ask(method, url, fields...)
	if a.Status != status {
		c.r.Errorf("%s %s: got %d %s, want %d", method, url, a.Status, a.Reason, status)
	}
	return a
}

const (
	home      = "rtsp://host:8554/maria"
	home0     = home + "/trackID=0"
	home1     = home + "/trackID=1"
	withToken = home + "?token=" + ticket
)

var inner = wire.Field{Name: "Transport", Value: "RTP/AVP/TCP;unicast;interleaved=0-1"}

// ready goes through SETUP of both tracks.
func (c *caller) ready() {
	c.r.Helper()
	a := c.want(wire.StatusOK, "SETUP", home0, inner)
	session, err := wire.ParseSession(a.Header.Value("Session"))
	if err != nil {
		c.r.Fatal(err)
	}
	c.session = session.ID
	c.want(wire.StatusOK, "SETUP", home1, wire.Field{Name: "Transport", Value: "RTP/AVP/TCP;unicast;interleaved=2-3"})
}

// packets reads until n frames of the tracks are whole, and gives them with their payloads put together again.
func (c *caller) packets(n int) (frames []got, reports int) {
	c.r.Helper()
	makers := map[uint8]*rtp.Depacketizer{}
	for channel, t := range map[uint8]*media.Track{0: video, 2: audio} {
		d, err := rtp.NewDepacketizer(t, 0)
		if err != nil {
			c.r.Fatal(err)
		}
		makers[channel] = d
	}
	for len(frames) < n {
		m, err := c.Read()
		if err != nil {
			c.r.Fatalf("after %d frames: %v", len(frames), err)
		}
		f, ok := m.(*wire.Frame)
		if !ok {
			continue
		}
		if f.Channel%2 == 1 {
			reports++
			continue
		}
		p, err := rtp.ParsePacket(f.Data)
		if err != nil {
			c.r.Fatal(err)
		}
		whole, err := makers[f.Channel].Push(p)
		if err != nil {
			c.r.Errorf("channel %d: %v", f.Channel, err)
		}
		for _, w := range whole {
			frames = append(frames, got{f.Channel, p.Timestamp, p.Sequence, w.Data})
		}
	}
	return frames, reports
}

// got is a frame as it came.
type got struct {
	channel   uint8
	timestamp uint32
	sequence  uint16 // of its last packet
	data      []byte
}

// ends reads until the server closes, and gives how long that took.
func (c *caller) ends() time.Duration {
	c.r.Helper()
	began := time.Now()
	if _, err := io.Copy(io.Discard, c.nc); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		c.r.Errorf("read: %v", err)
	}
	return time.Since(began)
}
