//go:build linux

package accept_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/overlay"
)

// TestSkew measures carriage skew (docs/overlays.md): a change is due at a picture whose number the source painted into it, and each
// output's own decoded picture at the time that its carriage gives must have that number. At least half of the changes name a media
// time that is computed from the source's numbers, so that a constant error cannot cancel.
func TestSkew(t *testing.T) {
	realPeers(t)
	seconds, changes := pick(t, 14, 70), pick(t, 24, 200)
	clips := []mediatest.Counted{
		{Rate: 30, BFrames: true},
		{Rate: 30000, Per: 1001},
		{Rate: 25, BFrames: true},
		{Rate: 50, BFrames: true},
		{Rate: 60},
	}
	for _, c := range clips[:pick(t, 1, len(clips))] {
		c.Pictures = seconds * c.Second()
		name := fmt.Sprintf("%.4g_fps", float64(c.Rate)/float64(max(c.Per, 1)))
		if c.BFrames {
			name += "_b_frames"
		}
		t.Run(name, func(t *testing.T) { skew(t, name, c, changes) })
	}
}

// skew publishes a clip to all outputs at once and changes what is shown while it runs.
func skew(t *testing.T, name string, clip mediatest.Counted, changes int) {
	n, r := mediatest.Nginx(t), mediatest.NewReceiver(t)
	s := stream{id: "maria", public: true, destinations: []destination{
		{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria", more: "overlays: sei+amf"},
		{name: "own", url: "rtmp://" + r.Addr + "/live", key: "maria", more: "overlays: sei+amf"},
	}}
	g := serveShop(t, s)
	g.stock(t, s)
	file := clip.File(t)
	p := mediatest.Publish(t, file, g.publishURL(s))
	g.awaitLive(t, s)
	g.show(t, s, `{"action":"show","product":"red","style":"e0"}`) // so that players find onTextData when they probe
	dumps := map[string]string{"ffmpeg": filepath.Join(t.TempDir(), "ffmpeg.flv"), "rtmpdump": filepath.Join(t.TempDir(), "rtmpdump.flv")}
	players := []*mediatest.Process{
		mediatest.FFmpeg(t, "-rtmp_live", "live", "-i", g.playURL(s), "-map", "0", "-c", "copy", "-f", "flv", dumps["ffmpeg"]),
		mediatest.Start(t, mediatest.Command{Path: "rtmpdump", Args: []string{"--quiet", "--live", "-r", g.playURL(s), "-o", dumps["rtmpdump"]}}),
	}
	time.Sleep(2 * time.Second)
	from := source{Counted: clip}
	wishes := g.learn(t, s, g.wish(t, s, from, 1, changes, clip.Pictures-3*clip.Second()))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	for _, p := range players {
		p.Wait(t, patience)
	}
	checkAnswers(t, wishes)
	outputs := []*recording{
		readRecording(t, "nginx", n.Recording(t, "maria")),
		readSession(t, "own", r.Sessions("maria")[0]),
		readRecording(t, "ffmpeg", dumps["ffmpeg"]),
		readRecording(t, "rtmpdump", dumps["rtmpdump"]),
	}
	for _, o := range outputs {
		for _, carriage := range []string{"sei", "amf"} {
			if carriage == "amf" && (o.name == "nginx" || o.name == "rtmpdump") {
				if len(o.seen[carriage]) > 0 {
					t.Errorf("%s wrote onTextData: docs/overlays.md says that it does not", o.name)
				}
				continue
			}
			o.checkSkew(t, name, carriage, wishes)
		}
	}
}

// TestSkewFaults measures skew over what goes wrong in a show: the publisher is killed and comes back, a destination's connection is
// cut, a player joins late, and changes come in bursts.
func TestSkewFaults(t *testing.T) {
	realPeers(t)
	n, r := mediatest.Nginx(t), mediatest.NewReceiver(t)
	shaky := mediatest.NewProxy(t, r.Addr)
	s := stream{id: "maria", public: true, destinations: []destination{
		{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria", more: "overlays: sei+amf"},
		{name: "own", url: "rtmp://" + r.Addr + "/live", key: "maria", more: "overlays: sei+amf"},
		{name: "shaky", url: "rtmp://" + shaky.Addr + "/live", key: "shaky", more: "overlays: sei+amf"},
	}}
	g := serveShop(t, s)
	g.stock(t, s)
	seconds, changes := pick(t, 10, 45), pick(t, 12, 100)
	before := source{Counted: mediatest.Counted{Pictures: (seconds + 10) * 30, Rate: 30, BFrames: true}}
	after := source{Counted: mediatest.Counted{Pictures: seconds * 30, From: 100_000, Rate: 30, BFrames: true}}
	afterFile := after.File(t)
	p := mediatest.Publish(t, before.File(t), g.publishURL(s))
	g.awaitLive(t, s)
	for _, slot := range []string{"a", "b", "c"} { // with the large product in the main slot too, states are at their limit
		g.show(t, s, fmt.Sprintf(`{"action":"show","product":"large","slot":%q}`, slot))
	}
	cut := time.AfterFunc(time.Duration(seconds)*time.Second/3, shaky.Cut)
	defer cut.Stop()
	wishes := g.wish(t, s, before, 1, changes, (seconds-3)*30)
	wishes = append(wishes, g.burst(t, s, before, len(wishes)+1)...)
	wishes = g.learn(t, s, wishes)
	p.Kill()
	g.awaitState(t, s, "holding")
	relayed := g.status(t, s).Ingest.Frames["video"]
	time.Sleep(2 * time.Second)
	p = mediatest.Publish(t, afterFile, g.publishURL(s))
	g.awaitState(t, s, "live")
	after.zero = g.zero(t, s, after, relayed, &wishes)
	late := filepath.Join(t.TempDir(), "late.flv")
	player := mediatest.FFmpeg(t, "-rtmp_live", "live", "-i", g.playURL(s), "-map", "0", "-c", "copy", "-f", "flv", late)
	more := g.wish(t, s, after, len(wishes)+1, changes, after.From+after.Pictures-3*30)
	wishes = append(wishes, g.learn(t, s, more)...)
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	player.Wait(t, patience)
	checkAnswers(t, wishes)
	readRecording(t, "nginx", n.Recording(t, "maria")).checkSkew(t, "faults", "sei", wishes)
	outputs := []*recording{readSession(t, "own", r.Sessions("maria")[0]), readRecording(t, "late", late)}
	sessions := r.Sessions("shaky")
	if len(sessions) != 2 || len(r.Sessions("maria")) != 1 {
		t.Fatalf("connections: %d of the destination that was cut, want 2; %d of the other, want 1", len(sessions), len(r.Sessions("maria")))
	}
	ended := readSession(t, "cut", sessions[0])
	ended.ends = true
	outputs = append(outputs, ended, readSession(t, "again", sessions[1]))
	outputs[1].joins, outputs[3].joins = true, true
	figure(t, "skew_faults_largest_state", float64(outputs[0].largest), "bytes")
	if outputs[0].largest < overlay.MaxWireState*9/10 {
		t.Errorf("the largest state has %d bytes, want one near the limit of %d", outputs[0].largest, overlay.MaxWireState)
	}
	for _, o := range outputs {
		for _, carriage := range []string{"sei", "amf"} {
			o.checkSkew(t, "faults", carriage, wishes)
			if o.joins {
				o.checkJoin(t, carriage, wishes)
			}
		}
	}
}

// zero finds the media time of a publisher's first picture: that of the picture that takes a change, by its number in the order of
// decoding, behind those that were relayed before.
func (g *gateway) zero(t *testing.T, s stream, from source, relayed int, wishes *[]*wish) int64 {
	t.Helper()
	w := &wish{style: fmt.Sprint("e", len(*wishes)+1), at: -1, number: -1, source: &from}
	w.cue = g.show(t, s, fmt.Sprintf(`{"action":"show","product":"red","style":%q}`, w.style)).Cue
	*wishes = append(*wishes, g.learn(t, s, []*wish{w})...)
	if w.Frame == nil || w.At == nil {
		t.Fatalf("the change is %s", w.Progress)
	}
	var order []int64 // PTS in the order of decoding
	for _, tag := range mediatest.CodedTags(mediatest.Tags(t, from.File(t))) {
		if tag.Type == mediatest.VideoTag {
			order = append(order, tag.PTS())
		}
	}
	from.zero = *w.At - 90*(order[int(*w.Frame)-relayed-1]-order[0])
	return from.zero
}

// burst asks for 20 changes within a second, and for 20 at once.
func (g *gateway) burst(t *testing.T, s stream, from source, first int) []*wish {
	t.Helper()
	wishes := make([]*wish, 40)
	ask := func(i int) {
		w := &wish{style: fmt.Sprint("e", first+i), at: -1, number: -1, source: &from}
		w.cue = g.show(t, s, fmt.Sprintf(`{"action":"show","product":"emoji","style":%q}`, w.style)).Cue
		wishes[i] = w
	}
	time.Sleep(2500 * time.Millisecond) // until the stream's rate has room for it
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { ask(i) })
		time.Sleep(45 * time.Millisecond)
	}
	for i := range 20 {
		all.Go(func() { ask(20 + i) })
	}
	all.Wait()
	return wishes
}
