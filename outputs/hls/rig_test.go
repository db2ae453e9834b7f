package hls

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

const (
	token      = "tsl-token-of-some-length"
	foreign    = "token-for-another-protocol"
	streamKey  = "the-key-of-maria's-stream"
	partnerTSL = "tsl"
)

// rig is a server on pipes and the fake clock, with the private stream maria, the public stream open, and two partners.
type rig struct {
	*testing.T
	server    *Server
	hub       relay.Hub
	registry  access.Registry
	contracts []access.Contract
	pubs      map[string]*relay.Publisher
	frames    map[string]*encoder
	view      *overlay.View // of partners
	carried   outputs.Carried
	served    outputs.Served
	log       bytes.Buffer
	logging   sync.Mutex
	pipes     *mediatest.Pipes
	clients   []*http.Client
	end       context.CancelFunc
}

// Write is the log's.
func (r *rig) Write(b []byte) (int, error) {
	r.logging.Lock()
	defer r.logging.Unlock()
	return r.log.Write(b)
}

func (r *rig) said() string {
	r.logging.Lock()
	defer r.logging.Unlock()
	return r.log.String()
}

// on runs a test with a server. What change says of its options holds.
func on(t *testing.T, o Options, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, pipes: mediatest.NewPipes(), pubs: make(map[string]*relay.Publisher), frames: make(map[string]*encoder), view: &overlay.View{Currency: "USD"}}
		r.registry.Replace(map[string]access.Grant{"maria": {Key: access.DigestOf(streamKey)}, "open": {Key: access.DigestOf("another-key"), Public: true}})
		r.contracts = []access.Contract{
			{Partner: partnerTSL, Digest: access.DigestOf(token), Streams: []string{"maria", "open"}, Protocols: []access.Protocol{access.HLS}, MaxConnections: 3},
			{Partner: "other", Digest: access.DigestOf(foreign), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP}},
		}
		r.registry.SetContracts(r.contracts)
		r.server = &Server{
			Options: o, Registry: &r.registry, Log: slog.New(slog.NewTextHandler(r, nil)), Streams: r.hub.Streams,
			Stream: func(name string) (*relay.Stream, bool) { return r.hub.Stream(name), r.hub.Stream(name).Snapshot().Live },
			Known:  func(stream string) bool { return stream == "maria" || stream == "open" },
			Feed: func(stream, partner string) (Feed, bool) {
				f := Feed{View: &overlay.View{}, Carried: &r.carried, Served: &r.served}
				if partner != "" {
					f.View = r.view
				}
				return f, stream == "maria" || stream == "open"
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.end = cancel
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := r.server.Run(ctx); err != nil {
				r.Errorf("run: %v", err)
			}
		})
		front := &http.Server{Handler: r.server.Handler(), WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		serving.Go(func() { _ = front.Serve(r.pipes) })
		defer func() {
			for _, e := range r.frames {
				e.stop()
			}
			cancel()
			for _, c := range r.clients {
				c.CloseIdleConnections()
			}
			_ = front.Close()
			serving.Wait()
		}()
		synctest.Wait()
		test(r)
	})
}

// encoder writes the frames of a source as time goes by.
type encoder struct {
	leave chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

func (e *encoder) stop() {
	e.once.Do(func() { close(e.leave) })
	e.done.Wait()
}

// publish begins a session whose media time 0 is now, and goes on with it for a day.
func (r *rig) publish(stream string, frames func(n int) []*media.Frame) *encoder {
	r.Helper()
	pub, err := r.hub.Stream(stream).Publish(nil)
	failIf(r, err)
	begin := time.Now()
	pub.SetWall(0, begin)
	r.pubs[stream] = pub
	e := &encoder{leave: make(chan struct{})}
	r.frames[stream] = e
	e.done.Go(func() {
		for n := 0; ; n++ {
			for _, f := range frames(n) {
				select {
				case <-time.After(time.Until(begin.Add(f.DTS.Duration()))):
				case <-e.leave:
					return
				}
				if pub.WriteFrame(f) != nil {
					return
				}
			}
		}
	})
	return e
}

// endless gives a source's frames, 10 s at a time, with a state in front of each 45th picture. Groups end with the 10 s.
func endless(s source) func(n int) []*media.Frame {
	seq, at := int64(0), media.Time(0)
	return func(n int) []*media.Frame {
		s.begin = seconds(10 * float64(n))
		var all []*media.Frame
		for i, f := range s.until(s.begin + seconds(10)) {
			if (f.Track.Codec.IsVideo() || s.video == nil) && (f.Key || i%90 == 0) {
				if i%90 == 0 {
					seq, at = seq+1, f.PTS
				}
				all = append(all, stateOf(seq, at, f))
			}
			all = append(all, f)
		}
		return all
	}
}

// live begins maria's session: 30 pictures a second, sound, key frames each second.
func (r *rig) live() *encoder {
	return r.publish("maria", endless(source{video: picture, audio: sound, size: 2000}))
}

// player is a client with connections of its own.
type player struct {
	*rig
	http *http.Client
	home string // of relative addresses
}

// from gives a client at an address.
func (r *rig) from(at mediatest.Address) *player {
	c := &http.Client{Transport: &http.Transport{
		DisableCompression: true, MaxIdleConnsPerHost: 3000,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ours, theirs := mediatest.PipeFrom(at)
			select {
			case r.pipes.Dials <- theirs:
				return ours, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}}
	r.clients = append(r.clients, c)
	return &player{r, c, "http://host/hls/"}
}

// answered is what a request got.
type answered struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

// do sends a request with header fields, names and values in turn. The status is 0 where the connection broke.
func (p *player) do(method, path string, header ...string) answered {
	p.Helper()
	q, err := http.NewRequestWithContext(p.Context(), method, p.address(path), nil)
	failIf(p, err)
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Add(header[i], header[i+1])
	}
	began := time.Now()
	resp, err := p.http.Do(q)
	if err != nil {
		return answered{took: time.Since(began)}
	}
	defer func() { _ = resp.Body.Close() }()
	a := answered{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		a.status = 0
	}
	a.took = time.Since(began)
	return a
}

func (p *player) address(path string) string {
	if strings.HasPrefix(path, "/") {
		return "http://host" + path
	}
	return p.home + path
}

func (p *player) get(path string, header ...string) answered {
	p.Helper()
	return p.do(http.MethodGet, path, header...)
}

// want is get, with the status that must come.
func (p *player) want(status int, path string) answered {
	p.Helper()
	a := p.get(path)
	if a.status != status {
		p.Errorf("%s: got %d after %v, want %d: %.200s", path, a.status, a.took, status, a.body)
	}
	return a
}

// open loads the multivariant playlist, and goes to the first variant's folder.
func (p *player) open(stream, query string) {
	p.Helper()
	p.home = "http://host/hls/"
	a := p.want(http.StatusOK, stream+"/index.m3u8"+query)
	index := hls.ParseIndex(string(a.body))
	if len(index.Variants) == 0 {
		p.Fatalf("no variants: %s", a.body)
	}
	uri := index.Variants[0].URI
	p.home += stream + "/" + uri[:strings.LastIndexByte(uri, '/')+1]
}

// list loads the media playlist.
func (p *player) list(query string) *hls.Playlist {
	p.Helper()
	return hls.Parse(string(p.want(http.StatusOK, wholeList+query).body))
}

// later runs a request beside the test, and gives its answer when it is there.
func (p *player) later(path string) <-chan answered {
	done := make(chan answered, 1)
	go func() { done <- p.get(path) }()
	return done
}

func contextFor(r *rig, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), d)
}
