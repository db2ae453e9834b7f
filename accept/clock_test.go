//go:build linux

package accept_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	rtmpin "github.com/simulcart/simulcart/ingest/rtmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	rtmpout "github.com/simulcart/simulcart/outputs/rtmp"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// turn is a place where RTMP's clock changes its form, in milliseconds.
type turn struct {
	name string
	at   int64
}

var (
	extends = turn{"4h39", 0xFFFFFF}  // from here on the header has 4 bytes of time more
	halves  = turn{"24d20h", 1 << 31} // where ffmpeg's clock begins anew
	wraps   = turn{"49d17h", 1 << 32} // where the 32 bits do
	ahead   = 3 * time.Second         // how long before a turn the media begin
	clipFor = mediatest.Clip{Seconds: 8, BFrames: 3}
)

// begin is the time of the first medium, in milliseconds.
func (u turn) begin() int64 { return u.at - ahead.Milliseconds() }

// TestClock publishes over the turns of RTMP's clock, after 4 h 39 min, 24 days and 49 days: every payload reaches the destination
// with its time.
func TestClock(t *testing.T) {
	realPeers(t)
	clip, n := mediatest.Media(t, clipFor), mediatest.Nginx(t)
	published := mediatest.Published(t, clip)
	var streams []stream
	for _, u := range []turn{extends, halves, wraps} {
		streams = append(streams, stream{id: u.name, destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: u.name}}})
	}
	g := serve(t, streams...)
	var peers []*mediatest.Process
	for i, u := range []turn{extends, halves} {
		offset := fmt.Sprintf("%.3f", (time.Duration(u.begin()) * time.Millisecond).Seconds())
		peers = append(peers, mediatest.FFmpeg(t, "-re", "-i", clip, "-map", "0:v", "-map", "0:a", "-c", "copy",
			"-output_ts_offset", offset, "-f", "flv", g.publishURL(streams[i])))
	}
	raw, _ := mediatest.Publisher(t, g.rtmp, streams[2].key()) // ffmpeg's clock does not come as far
	var late []mediatest.Tag
	for _, tag := range published {
		tag.Time += wraps.begin()
		late = append(late, tag)
	}
	feed(t, raw, late)
	for _, p := range peers {
		if code := p.Wait(t, time.Minute); code != 0 {
			t.Errorf("publish: exit %d", code)
		}
	}
	mediatest.Within(t, patience, "all of the raw publisher's media", func() bool {
		frames := g.status(t, streams[2]).Ingest.Frames
		return frames["video"]+frames["audio"] == len(mediatest.CodedTags(published))
	})
	if err := raw.Command(0, "FCUnpublish", 6.0, nil, streams[2].key()); err != nil {
		t.Error(err)
	}
	for _, s := range streams {
		same(t, s.id, published, mediatest.Tags(t, n.Recording(t, s.id)))
	}
}

// TestLongSession has sessions that go over these turns: nginx-rtmp records them, and players that join follow them.
func TestLongSession(t *testing.T) {
	realPeers(t)
	n, hub := mediatest.Nginx(t), &relay.Hub{}
	published := mediatest.Published(t, mediatest.Media(t, clipFor))
	turns := pick(t, []turn{extends}, []turn{extends, halves, wraps})
	address := theatre(t, hub, extends.name, halves.name, wraps.name)
	for _, u := range turns {
		t.Run(u.name, func(t *testing.T) {
			longSession(t, hub.Stream(u.name), u, published, n, "rtmp://"+address+"/live/"+u.name)
		})
	}
}

// longSession carries the published media in a session that began long before, to nginx-rtmp and to players.
func longSession(t *testing.T, s *relay.Stream, u turn, published []mediatest.Tag, n *mediatest.NginxRTMP, url string) {
	frames, tracks := demuxed(t, published)
	p, err := s.Publish(tracks)
	if err != nil {
		t.Fatal(err)
	}
	write := func(f *media.Frame, by int64) {
		later := *f
		later.DTS, later.PTS = f.DTS+media.FromTicks(by, 1000), f.PTS+media.FromTicks(by, 1000)
		if err := p.WriteFrame(&later); err != nil {
			t.Error(err)
		}
	}
	write(frames[0], 0) // when the session began
	write(frames[0], u.begin())
	var all sync.WaitGroup
	all.Go(func() {
		push := &rtmpout.Push{
			Name: "nginx", URL: target(t, n.Addr), Key: access.NewSecret(u.name), Log: slog.New(slog.DiscardHandler),
			Dialer: &outputs.Dialer{AllowPrivate: true}, Progress: &outputs.Progress{},
		}
		if err := push.Run(t.Context(), s); err != nil {
			t.Errorf("push: %v", err)
		}
	})
	players := map[mediatest.Player]*mediatest.Process{}
	files := map[mediatest.Player]string{}
	for _, player := range []mediatest.Player{mediatest.FFmpegPlayer, mediatest.RTMPDump, mediatest.GStreamerPlayer} {
		files[player] = filepath.Join(t.TempDir(), string(player)+".flv")
		players[player] = mediatest.Watch(t, player, url, files[player])
	}
	mediatest.Within(t, patience, "all readers", func() bool { return s.Snapshot().Readers == 1+len(players) })
	begin := time.Now()
	for _, f := range frames[1:] {
		time.Sleep(time.Until(begin.Add((f.DTS - frames[0].DTS).Duration())))
		write(f, u.begin())
	}
	p.End()
	all.Wait()
	for name, player := range players {
		player.Wait(t, patience)
		m, err := mediatest.Part(published, mediatest.Tags(t, files[name]))
		if want := len(mediatest.CodedTags(published)) - 1; err != nil || m.First != 0 || m.Video+m.Audio < want { // rtmp2src leaves the last one out
			t.Errorf("%s: %d payloads from picture %d on, want at least %d from the first: %v", name, m.Video+m.Audio, m.First, want, err)
		}
	}
	same(t, u.name, published, mediatest.Tags(t, n.Recording(t, u.name)))
}

// demuxed turns tags into frames.
func demuxed(t *testing.T, tags []mediatest.Tag) (frames []*media.Frame, tracks []*media.Track) {
	t.Helper()
	var d flv.Demuxer
	for _, tag := range tags {
		got, err := d.Demux(flv.Tag{Type: flv.TagType(tag.Type), Timestamp: tag.Time, Body: bytes.Clone(tag.Body)})
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame != nil {
			frames = append(frames, got.Frame)
		}
	}
	return frames, d.Tracks()
}

// target is an application of the name live at an address.
func target(t *testing.T, address string) rtmp.URL {
	t.Helper()
	u, err := rtmp.ParseURL("rtmp://" + address + "/live")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// theatre serves the streams to all players, and gives its address.
func theatre(t *testing.T, hub *relay.Hub, streams ...string) string {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	grants := map[string]access.Grant{}
	for _, name := range streams {
		grants[name] = access.Grant{Public: true}
	}
	registry := &access.Registry{}
	registry.Replace(grants)
	server := &rtmpin.Server{Gate: &ingest.Gate{Hub: hub, Log: log}, Registry: registry, Log: log}
	server.Play = func(ctx context.Context, name, _ string, conn *rtmp.Conn, r *rtmp.Request) error {
		return (&rtmpout.Play{Request: r, Conn: conn, Output: "play"}).Run(ctx, hub.Stream(name))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ctx, l, nil) })
	t.Cleanup(func() { cancel(); serving.Wait() })
	return l.Addr().String()
}
