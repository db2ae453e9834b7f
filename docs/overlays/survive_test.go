//go:build linux

package overlays_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// What servers and tools leave of the messages, as the page's tables say (TestSurvives, TestOtherCodecsSurvive):
//
//  1. a clip gets messages in both carriages, put where outputs/rtmp puts them ([show]);
//  2. it takes the path of a row: rows that begin with ffmpeg are the commands themselves;
//  3. what comes out is read, where need be by way of a copy into FLV, and compared copy by copy, time by time.

// needPeers skips the test, with the reason, where a program or a file is not there, and where the run is to be short.
func needPeers(t testing.TB, peers ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not measured: it runs other programs")
	}
	for _, peer := range peers {
		_, err := exec.LookPath(peer)
		if peer[0] == '/' {
			_, err = os.Stat(peer)
		}
		if err != nil {
			t.Skipf("not measured: %s is not installed", peer)
		}
	}
}

// sighting is one copy of a message, and when its carrier is shown.
type sighting struct {
	text string
	ms   int64 // from the first picture on
}

// recording is what came out of a path.
type recording struct{ sei, amf []sighting }

// readTags finds the copies in FLV.
func readTags(t testing.TB, tags []mediatest.Tag) (r recording) {
	t.Helper()
	first := int64(math.MaxInt64)
	for _, g := range tags {
		if g.Type == mediatest.VideoTag && g.Coded() {
			first = min(first, g.PTS())
		}
	}
	for _, g := range tags {
		switch {
		case g.Type == mediatest.DataTag:
			if text, err := flv.ParseText(g.Body); err == nil {
				r.amf = append(r.amf, sighting{string(text), g.Time - first})
			}
		case g.Type == mediatest.VideoTag && g.Coded():
			for payload, err := range sei.Payloads(media.H264, g.Body[5:]) {
				if err != nil {
					t.Errorf("picture at %d ms: %v", g.PTS(), err)
				}
				r.sei = append(r.sei, sighting{string(payload), g.PTS() - first})
			}
		}
	}
	return r
}

// left says what is left of copies: yes for all, no for none.
func left(got, want []sighting) string {
	if len(got) == 0 {
		return "no"
	}
	for i, s := range got {
		switch {
		case i >= len(want) || s.text != want[i].text:
			return fmt.Sprintf("partly: copy %d is %s", i, s.text)
		case max(s.ms-want[i].ms, want[i].ms-s.ms) > 1:
			return fmt.Sprintf("partly: copy %d is at %d ms, not %d", i, s.ms, want[i].ms)
		}
	}
	if len(got) < len(want) {
		return fmt.Sprintf("partly: %d copies of %d", len(got), len(want))
	}
	return "yes"
}

// show is a clip of two seconds with messages in both carriages: at the first picture, at a change, repeated at a key frame, and at another
// change.
type show struct {
	file string
	tags []mediatest.Tag
	want recording
}

func newShow(t testing.TB) *show {
	t.Helper()
	needPeers(t, "ffmpeg")
	s := &show{file: filepath.Join(t.TempDir(), "show.flv")}
	pictures, first := 0, int64(0)
	var waiting []sighting
	for _, g := range mediatest.Tags(t, mediatest.Media(t, mediatest.Clip{Seconds: 2, BFrames: 3, KeyInterval: 1})) {
		if g.Type == mediatest.VideoTag && g.Coded() {
			for len(waiting) > 0 && waiting[0].ms <= g.Time {
				s.tags = append(s.tags, textTag(t, waiting[0]))
				waiting = waiting[1:]
			}
			if pictures == 0 {
				first = g.PTS()
			}
			if text := messageAt(pictures, (g.PTS()-first)*90); text != nil {
				g.Body = withMessage(t, g.Body, text)
				waiting = append(waiting, sighting{string(text), g.PTS()})
			}
			pictures++
		}
		s.tags = append(s.tags, g)
	}
	s.want = readTags(t, s.tags)
	if len(s.want.sei) != 4 || left(s.want.amf, s.want.sei) != "yes" {
		t.Fatalf("the clip has %+v, want four copies in both carriages", s.want)
	}
	mediatest.WriteFLV(t, s.file, s.tags)
	return s
}

// messageAt gives the message that a picture carries, by its number; nil where it carries none.
func messageAt(picture int, now int64) []byte {
	at := map[int]int64{0: 0, 10: now, 30: 0, 45: now}
	seq := map[int]int64{0: 1, 10: 2, 30: 2, 45: 3}[picture]
	if seq == 0 {
		return nil
	}
	p := &overlay.Product{
		ID: "a", Title: []overlay.Text{{Lang: "de", Text: "Grüne Tasse"}}, Price: []overlay.Money{{Amount: 1250, Currency: "EUR"}},
		Link: "https://shop.example.com/" + strings.Repeat("a", 170),
	}
	state := &overlay.State{
		Stream: "k3v9x2", Seq: seq, At: media.FromTicks(at[picture], 90_000),
		Cards: []overlay.Card{{Slot: "main", Style: "card", Product: p}, {Slot: "side", Style: "card", Product: p}},
	}
	return (&overlay.View{}).Apply(state).AppendJSON(nil, media.FromTicks(now, 90_000))
}

func textTag(t testing.TB, s sighting) mediatest.Tag {
	t.Helper()
	body, err := flv.AppendText(nil, []byte(s.text))
	if err != nil {
		t.Fatal(err)
	}
	return mediatest.Tag{Type: mediatest.DataTag, Time: s.ms, Body: body}
}

// withMessage gives the body of an H.264 tag with a message in its picture.
func withMessage(t testing.TB, body, text []byte) []byte {
	t.Helper()
	unit := body[5:]
	place, err := sei.Place(media.H264, unit)
	if err != nil {
		t.Fatal(err)
	}
	out, err := sei.Append(bytes.Clone(body[:5+place]), media.H264, text)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, unit[place:]...)
}

// path is the way of the show through programs of others; nil where one of them refuses it.
type path func(t *testing.T, s *show) []mediatest.Tag

// TestSurvives measures each row of the page's table.
func TestSurvives(t *testing.T) {
	s := newShow(t)
	others := map[string]path{
		"nginx-rtmp, `record`":                 recorded,
		"nginx-rtmp, `push` to another server": pushed,
		"rtmpdump, to FLV":                     dumped,
		"GStreamer, `flvdemux` to `flvmux`":    muxed,
	}
	for _, row := range table(t, "| path | SEI | `onTextData` |") {
		name := strings.ReplaceAll(row[0], "`", "")
		way, other := others[row[0]]
		delete(others, row[0])
		t.Run(name, func(t *testing.T) {
			if !other {
				way = command(t, row[0])
			}
			tags := way(t, s)
			got := []string{"fails", "fails"}
			if tags != nil {
				r := readTags(t, tags)
				got = []string{left(r.sei, s.want.sei), left(r.amf, s.want.amf)}
			}
			if want := row[1:]; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for name := range others {
		t.Errorf("the page has no row %s", name)
	}
}

// runFFmpeg runs it to its end, and says whether it was content.
func runFFmpeg(t testing.TB, args ...string) bool {
	t.Helper()
	return mediatest.FFmpeg(t, append([]string{"-y"}, args...)...).Wait(t, peerPatience) == 0
}

// endings are those of files, by what the page calls them.
var endings = map[string]string{"FLV": "flv", "MPEG-TS": "ts", "MP4": "mp4", "HLS": "m3u8"}

// command makes a path of a row such as "`ffmpeg -map 0 -c copy`, FLV to MP4". What is not FLV is copied back into it.
func command(t testing.TB, row string) path {
	t.Helper()
	_, format, _ := strings.Cut(row, ", FLV to ")
	ending, known := endings[format]
	args := strings.Fields(strings.Join(words(row), " "))
	if !known || len(args) == 0 || args[0] != "ffmpeg" {
		t.Fatalf("nobody knows the path %s", row)
	}
	return func(t *testing.T, s *show) []mediatest.Tag {
		dir := t.TempDir()
		out, back := filepath.Join(dir, "out."+ending), filepath.Join(dir, "back.flv")
		all := append([]string{"-i", s.file}, args[1:]...)
		if slices.Contains(args, "libx264") {
			all = append(all, "-preset", "ultrafast")
		}
		if !runFFmpeg(t, append(all, out)...) {
			return nil
		}
		if ending == "flv" {
			return mediatest.Tags(t, out)
		}
		if !runFFmpeg(t, "-i", out, "-map", "0", "-c", "copy", back) {
			t.Fatal("what came out cannot be copied into FLV")
		}
		return mediatest.Tags(t, back)
	}
}

// Where Debian puts nginx's modules that mediatest loads.
const nginxModules = "/usr/lib/nginx/modules/"

// send publishes the show to an nginx-rtmp, and ends its publish.
func send(t *testing.T, c *mediatest.Client, tags []mediatest.Tag) {
	t.Helper()
	for _, g := range tags {
		if err := c.Send(1, g); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Command(1, "deleteStream", 4.0, nil, 1.0); err != nil {
		t.Fatal(err)
	}
}

func recorded(t *testing.T, s *show) []mediatest.Tag {
	needPeers(t, "nginx", nginxModules+"ngx_rtmp_module.so", nginxModules+"ngx_stream_module.so")
	n := mediatest.Nginx(t)
	c, _ := mediatest.Publisher(t, n.Addr, "show")
	send(t, c, s.tags)
	return mediatest.Tags(t, n.Recording(t, "show"))
}

// pushed waits until the other server gets something before it sends the show, since nginx keeps nothing for it.
func pushed(t *testing.T, s *show) []mediatest.Tag {
	needPeers(t, "nginx", nginxModules+"ngx_rtmp_module.so", nginxModules+"ngx_stream_module.so")
	r := mediatest.NewReceiver(t)
	n := mediatest.NginxPush(t, "rtmp://"+r.Addr+"/live")
	c, _ := mediatest.Publisher(t, n.Addr, "show")
	var session *mediatest.Session
	silence := slices.IndexFunc(s.tags, func(g mediatest.Tag) bool { return g.Type == mediatest.AudioTag && g.Coded() })
	mediatest.Within(t, peerPatience, "a push that carries sound", func() bool {
		if err := c.Send(1, mediatest.Tag{Type: mediatest.AudioTag, Body: s.tags[silence].Body}); err != nil {
			t.Fatal(err)
		}
		if all := r.Sessions("show"); len(all) > 0 {
			session = all[0]
		}
		return session != nil && len(session.Tags()) > 0
	})
	send(t, c, s.tags)
	mediatest.Within(t, peerPatience, "the end of the push", func() bool { return !session.Ended().IsZero() })
	return session.Tags()
}

// noConnection is what rtmpdump leaves with where nobody listens. How the server hangs up decides between other codes.
const noConnection = 3

// dumped lets ffmpeg serve the show once to rtmpdump, which is tried again until ffmpeg listens.
func dumped(t *testing.T, s *show) []mediatest.Tag {
	needPeers(t, "rtmpdump")
	url := "rtmp://" + mediatest.FreeAddrs(t, 1)[0] + "/live/show"
	server := mediatest.FFmpeg(t, "-re", "-i", s.file, "-map", "0", "-c", "copy", "-f", "flv", "-listen", "1", url)
	out := filepath.Join(t.TempDir(), "dump.flv")
	for range 50 {
		p := mediatest.Start(t, mediatest.Command{Path: "rtmpdump", Args: []string{"--quiet", "--live", "-r", url, "-o", out}})
		if p.Wait(t, peerPatience) != noConnection {
			return mediatest.Tags(t, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("ffmpeg serves nobody: %s", server.Log())
	return nil
}

func muxed(t *testing.T, s *show) []mediatest.Tag {
	needPeers(t, "gst-launch-1.0")
	out := filepath.Join(t.TempDir(), "muxed.flv")
	p := mediatest.GStreamer(
		t, "filesrc", "location="+s.file, "!", "flvdemux", "name=d",
		"d.video", "!", "queue", "!", "h264parse", "!", "m.video", "d.audio", "!", "queue", "!", "aacparse", "!", "m.audio",
		"flvmux", "name=m", "!", "filesink", "location="+out,
	)
	if code := p.Wait(t, peerPatience); code != 0 {
		t.Fatalf("exit %d", code)
	}
	return mediatest.Tags(t, out)
}
