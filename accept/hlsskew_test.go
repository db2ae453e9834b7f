//go:build linux

package accept_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/sei"
)

// TestHLSSkew measures skew on all carriages at once: ID3 in emsg, date ranges, and SEI over HLS, with the neutral view and with that of a
// partner; SEI over RTSP; SEI and AMF over RTMP, pushed and played.
func TestHLSSkew(t *testing.T) {
	realPeers(t)
	seconds, changes := pick(t, 14, 70), pick(t, 24, 200)
	clips := []mediatest.Counted{{Rate: 30, BFrames: true}, {Rate: 30000, Per: 1001}, {Rate: 25, BFrames: true}, {Rate: 60}}
	for _, c := range clips[:pick(t, 1, len(clips))] {
		c.Pictures = seconds * c.Second()
		name := fmt.Sprintf("hls_%.4g_fps", float64(c.Rate)/float64(max(c.Per, 1)))
		t.Run(name, func(t *testing.T) { skewEverywhere(t, name, c, changes) })
	}
}

// skewEverywhere publishes a clip to outputs of all protocols but WHEP, and changes what is shown while it runs.
func skewEverywhere(t *testing.T, name string, clip mediatest.Counted, changes int) {
	e := newEverywhere(t, "")
	p := mediatest.Publish(t, clip.File(t), e.publishURL(e.s))
	e.pull(t)
	from := source{Counted: clip}
	wishes := e.learn(t, e.s, e.wish(t, e.s, from, 1, changes, clip.Pictures-3*clip.Second()))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	e.check(t, name, wishes, nil)
}

// everywhere is a stream that is pushed, played and pulled over all protocols but WHEP.
type everywhere struct {
	*gateway
	s        stream
	receiver *mediatest.Receiver

	token, rtspAddr  string
	dump             string // what ffmpeg played over RTMP
	player           *mediatest.Process
	own              <-chan *recording // over RTSP
	neutral, partner func() *hls.Recording
}

// newEverywhere starts a simulcart, with more in its configuration.
func newEverywhere(t *testing.T, more string) *everywhere {
	t.Helper()
	e := &everywhere{receiver: mediatest.NewReceiver(t), token: key("tsl"), rtspAddr: mediatest.FreeAddrs(t, 1)[0]}
	e.s = stream{id: "maria", public: true, destinations: []destination{
		{name: "own", url: "rtmp://" + e.receiver.Addr + "/live", key: "maria", more: "overlays: sei+amf"},
	}}
	e.gateway = &gateway{tokens: true, partners: fmt.Sprintf("rtsp: {listen: %q}\nhls: {segment: 2s, part: 200ms, window: 30s}\n%s"+
		"partners:\n  tsl: {token: %q, streams: [maria], protocols: [rtsp, hls], view: {currency: EUR, hide: [stock], link: {utm_source: tsl}}}\n", e.rtspAddr, more, e.token)}
	e.start(t, e.s)
	e.stock(t, e.s)
	return e
}

// pull begins to play and pull, when somebody publishes.
func (e *everywhere) pull(t *testing.T) {
	t.Helper()
	e.awaitLive(t, e.s)
	e.show(t, e.s, `{"action":"show","product":"red","style":"e0"}`) // so that players find onTextData when they probe
	e.dump = filepath.Join(t.TempDir(), "ffmpeg.flv")
	e.player = mediatest.FFmpeg(t, "-rtmp_live", "live", "-i", e.playURL(e.s), "-map", "0", "-c", "copy", "-f", "flv", e.dump)
	e.own = pull(t, e.rtspAddr, "rtsp://tsl:"+e.token+"@"+e.rtspAddr+"/maria")
	e.neutral, e.partner = follower(t, e.hlsURL(e.s, ""), 0), follower(t, e.hlsURL(e.s, e.token), 0)
	time.Sleep(time.Second)
}

// check compares what came to the outputs, and to others, with what was asked for, when the publisher is done.
func (e *everywhere) check(t *testing.T, name string, wishes []*wish, others map[string]*recording) {
	t.Helper()
	e.player.Wait(t, patience)
	time.Sleep(time.Second) // until the followers have the end
	checkAnswers(t, wishes)
	outputs := map[string]*recording{
		"pushed": readSession(t, "own", e.receiver.Sessions("maria")[0]), "played": readRecording(t, "ffmpeg", e.dump), "rtsp": <-e.own,
		"hls_neutral": readHLS(t, "hls_neutral", e.neutral()), "hls_partner": readHLS(t, "hls_partner", e.partner()),
	}
	maps.Copy(outputs, others)
	carriages := map[string][]string{
		"pushed": {"sei", "amf"}, "played": {"sei", "amf"}, "rtsp": {"sei"},
		"hls_neutral": {"emsg", "daterange", "sei"}, "hls_partner": {"emsg", "daterange"}, "whep": {"sei", "channel"},
	}
	for output, o := range outputs {
		if o == nil {
			t.Fatalf("%s got nothing", output)
		}
		o.joins = output != "pushed"
		for _, carriage := range carriages[output] {
			o.checkSkew(t, name, carriage, wishes)
		}
	}
	if n := len(outputs["hls_partner"].seen["sei"]); n > 0 {
		t.Errorf("%d states in the pictures of a partner whose view is not the neutral one", n)
	}
	checkView(t, outputs["hls_partner"])
	figure(t, "skew_"+name+"_across_outputs", float64(across(outputs, wishes)), fmt.Sprintf("frames, of %d changes", len(wishes)))
	if worst := across(outputs, wishes); worst > 0 {
		t.Errorf("outputs are %d frames apart", worst)
	}
}

// across gives the largest distance between the pictures at which outputs show one state.
func across(outputs map[string]*recording, wishes []*wish) (worst int) {
	for _, w := range wishes {
		var all []int
		for _, o := range outputs {
			all = append(all, o.shown[*w.Seq]...)
		}
		if len(all) > 0 {
			worst = max(worst, slices.Max(all)-slices.Min(all))
		}
	}
	return worst
}

// checkView checks that each state of a recording is as the view of the partner tsl has it.
func checkView(t *testing.T, r *recording) {
	t.Helper()
	for carriage, all := range r.seen {
		for _, s := range all {
			for _, card := range s.Show {
				p := card.Product
				if p.Stock != nil || card.Product.ID == "red" && p.Link != "https://shop.example.com/p/red?v=m&utm_source=tsl#size" {
					t.Errorf("%s by %s: state %d shows %+v, which is not the partner's view", r.name, carriage, s.Seq, p)
					return
				}
			}
		}
	}
}

// readHLS reads what a follower was given: the states by each carriage, and the numbers in the decoded pictures of all segments.
func readHLS(t testing.TB, name string, rec *hls.Recording) *recording {
	t.Helper()
	r := &recording{name: name, numbers: make(map[int64]int), seen: make(map[string][]sighting)}
	file := filepath.Join(t.TempDir(), name+".mp4")
	segments := rec.Segments()
	var whole []byte
	var init *hls.Init
	for n := range int64(len(segments)) {
		s, found := segments[n]
		if !found || rec.Bodies[s.URI] == nil || rec.Init(s.Map) == nil {
			t.Fatalf("%s: segment %d of %d is missing", name, n, len(segments))
		}
		if init == nil {
			init, whole = rec.Init(s.Map), rec.Bodies[s.Map].Bytes
		}
		m, err := hls.ReadMedia(rec.Bodies[s.URI].Bytes, init)
		if err != nil {
			t.Fatalf("%s: segment %d: %v", name, n, err)
		}
		whole = append(whole[:len(whole):len(whole)], rec.Bodies[s.URI].Bytes...)
		r.seeSegment(t, m)
	}
	r.seeRanges(t, rec)
	slices.Sort(r.times)
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	numbers := mediatest.Numbers(t, file)
	if len(numbers) != len(r.times) {
		t.Fatalf("%s: %d pictures were decoded of %d", name, len(numbers), len(r.times))
	}
	for i, n := range numbers {
		r.numbers[r.times[i]] = n
		if n != numbers[0]+i {
			t.Errorf("%s: picture %d has the number %d, want %d", name, i, n, numbers[0]+i)
		}
	}
	return r
}

// seeSegment takes the pictures of a segment, and the states in and beside them.
func (r *recording) seeSegment(t testing.TB, m *hls.Media) {
	t.Helper()
	for _, e := range m.Events {
		text, err := e.Text("simulcart.overlay")
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		r.see(t, "emsg", milliseconds(e.Time, e.Scale), []byte(text))
	}
	v, _ := m.Of("vide")
	at := v.Time
	for _, sample := range v.Samples {
		pts := milliseconds(at+sample.Offset, v.Track.Scale)
		for payload, err := range sei.Payloads(media.H264, sample.Data) {
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
			r.see(t, "sei", pts, payload)
		}
		if len(r.times) == 0 {
			r.head = pts
		}
		r.times = append(r.times, pts)
		at += sample.Duration
	}
}

// seeRanges takes the states of the date ranges, each once: their times are those of the media by the dates of the segments.
func (r *recording) seeRanges(t testing.TB, rec *hls.Recording) {
	t.Helper()
	segments := rec.Segments()
	known := make(map[string]bool)
	for _, p := range rec.Whole() {
		for _, a := range p.Ranges {
			if known[a["ID"]] {
				continue
			}
			known[a["ID"]] = true
			text, _, err := hls.DateRangeState(a)
			start, wrong := time.Parse(time.RFC3339Nano, a["START-DATE"])
			if err != nil || wrong != nil {
				t.Errorf("%s: date range %v: %v, %v", r.name, a, err, wrong)
				continue
			}
			n := int64(0)
			for segments[n+1].URI != "" && !segments[n+1].Date.After(start) {
				n++
			}
			m, err := hls.ReadMedia(rec.Bodies[segments[n].URI].Bytes, rec.Init(segments[n].Map))
			if err != nil {
				t.Fatal(err)
			}
			v, _ := m.Of("vide")
			r.see(t, "daterange", milliseconds(v.First(), v.Track.Scale)+start.Sub(segments[n].Date).Milliseconds(), text)
		}
	}
}

// milliseconds rounds ticks.
func milliseconds(ticks, scale int64) int64 { return (ticks*1000 + scale/2) / scale }
