package web

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// The clip of the origin: pictures with numbers, in parts of 200 ms, in segments of a second.
const (
	originPictures = 420
	originRate     = 30
	partPictures   = 6
	segmentParts   = 5
	partTime       = 200 * time.Millisecond
	headStart      = 4 * segmentParts // parts that are there when the first viewer comes
	keptSegments   = 6
)

// carriage says how a state of the origin travels.
type carriage int

const (
	byEmsg carriage = iota
	byDateRange
	byBoth
)

// originState is an overlay state that the origin sends.
type originState struct {
	seq     int
	picture int // with which it begins; negative: before the clip
	by      carriage
	show    string // JSON of its cards
}

// origin serves a finished clip as if it were live, with low latency HLS (draft-pantos-hls-rfc8216bis §4.4): a stand-in for a
// real one that is simple enough to be right at sight.
type origin struct {
	init   []byte
	parts  [][]byte // moof and mdat
	pts    []int64  // of each picture, 90 kHz
	states []originState
	wall   time.Time // of the first picture

	mu     sync.Mutex
	begun  time.Time // when the first viewer came; zero: none did
	misses int       // requests for the playlist that get 503 before the stream is there
	asked  []string  // paths with their queries
}

// newOrigin makes the clip.
func newOrigin(t testing.TB, states []originState) *origin {
	t.Helper()
	clip := mediatest.Counted{Pictures: originPictures, Rate: originRate, BFrames: true}.File(t)
	file := filepath.Join(t.TempDir(), "clip.mp4")
	run(t, "ffmpeg", "-v", "error", "-i", clip, "-c", "copy", "-video_track_timescale", "90000", "-movflags", "empty_moov+default_base_moof+frag_keyframe",
		"-frag_duration", strconv.FormatInt(partTime.Microseconds(), 10), file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{states: states, wall: time.Now().Truncate(time.Millisecond)}
	o.split(data)
	for line := range strings.Lines(run(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0", file)) {
		pts, err := strconv.ParseInt(strings.Trim(line, ",\n"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		o.pts = append(o.pts, pts)
	}
	slices.Sort(o.pts)
	const parts = originPictures / partPictures
	if len(o.pts) != originPictures || len(o.parts) < parts {
		t.Fatalf("got %d pictures in %d parts, want %d in %d", len(o.pts), len(o.parts), originPictures, parts)
	}
	o.parts = o.parts[:parts] // behind them there may be some more sound
	return o
}

// run runs a program and gives what it says.
func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	mediatest.Need(t, program)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out)
}

// split takes a fragmented file apart: what stands before the first moof, then pairs of moof and mdat (ISO/IEC 14496-12 §8.8).
func (o *origin) split(data []byte) {
	for len(data) >= 8 {
		size := binary.BigEndian.Uint32(data)
		box, kind := data[:size], string(data[4:8])
		data = data[size:]
		switch {
		case kind == "moof":
			o.parts = append(o.parts, slices.Clone(box))
		case kind == "mdat":
			o.parts[len(o.parts)-1] = append(o.parts[len(o.parts)-1], box...)
		case len(o.parts) == 0:
			o.init = append(o.init, box...)
		}
	}
}

// at gives the time of a picture, in ticks; there are some before the clip.
func (o *origin) at(picture int) int64 {
	if picture < 0 {
		return o.pts[0] + int64(picture)*90000/originRate
	}
	return o.pts[picture]
}

func (o *origin) message(s originState, now int64) string {
	return fmt.Sprintf(`{"v":1,"stream":"s1","seq":%d,"at":%d,"now":%d,"show":%s}`, s.seq, o.at(s.picture), now, s.show)
}

// part gives a part with its emsg boxes: the states that begin in it, and in the first of each segment the one that is on.
func (o *origin) part(n int) []byte {
	var data []byte
	from, to := n*partPictures, (n+1)*partPictures
	for i, s := range o.states {
		last := i+1 == len(o.states) || o.states[i+1].picture >= from
		if begins := s.picture >= from && s.picture < to; s.by != byDateRange && (begins || s.picture < from && last && n%segmentParts == 0) {
			now := o.pts[max(from, s.picture)]
			data = append(data, emsg(uint32(s.seq), now, o.message(s, now))...)
		}
	}
	return append(data, o.parts[n]...)
}

// emsg gives a box of version 1 (ISO/IEC 23009-1 §5.10.3.3) with an ID3 tag.
func emsg(id uint32, at int64, text string) []byte {
	frame := append([]byte("\x03simulcart.overlay\x00"), text...)
	frame = append(append([]byte("TXXX"), synchsafe(len(frame))...), append([]byte{0, 0}, frame...)...)
	tag := append(append([]byte("ID3\x04\x00\x00"), synchsafe(len(frame))...), frame...)
	body := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, 90000)
	body = binary.BigEndian.AppendUint64(body, uint64(at))
	body = binary.BigEndian.AppendUint32(body, 0xffffffff)
	body = binary.BigEndian.AppendUint32(body, id)
	body = append(append(body, "https://aomedia.org/emsg/ID3\x00\x00"...), tag...)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), "emsg"...), body...)
}

func synchsafe(n int) []byte {
	return []byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}
}

// there says how many parts there are by now.
func (o *origin) there() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun.IsZero() {
		return 0
	}
	return min(len(o.parts), headStart+int(time.Since(o.begun)/partTime))
}

// playlist gives the media playlist with so many parts.
func (o *origin) playlist(parts int) string {
	var b strings.Builder
	whole := parts / segmentParts
	first := max(0, whole-keptSegments)
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6\n"+
		"#EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-MAP:URI=\"init.mp4\"\n", first)
	const stamp = "2006-01-02T15:04:05.000Z07:00"
	for segment := first; segment*segmentParts < parts; segment++ {
		begin := segment * segmentParts
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", o.date(begin*partPictures).Format(stamp))
		for n := begin; n < min(parts, begin+segmentParts) && segment >= whole-2; n++ {
			fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.2,URI=\"%d.part.m4s\"", n)
			if n == begin {
				b.WriteString(",INDEPENDENT=YES")
			}
			b.WriteString("\n")
		}
		if segment < whole {
			fmt.Fprintf(&b, "#EXTINF:1.0,\n%d.m4s\n", segment)
		}
	}
	for _, s := range o.states {
		if s.by != byEmsg && s.picture < parts*partPictures && s.picture >= first*segmentParts*partPictures {
			fmt.Fprintf(&b, "#EXT-X-DATERANGE:ID=\"s1-%d\",CLASS=\"simulcart.overlay\",START-DATE=\"%s\",X-SIMULCART-OVERLAY=\"%s\"\n", s.seq,
				o.date(s.picture).Format(stamp), base64.RawURLEncoding.EncodeToString([]byte(o.message(s, o.at(s.picture)))))
		}
	}
	if parts == len(o.parts) {
		b.WriteString("#EXT-X-ENDLIST\n")
	} else {
		fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%d.part.m4s\"\n", parts)
	}
	return b.String()
}

// date gives the time of day of a picture.
func (o *origin) date(picture int) time.Time {
	return o.wall.Add(time.Duration(o.at(picture)-o.pts[0]) * time.Second / 90000)
}

// until waits for a number of parts, as a held request does; false where the client left.
func (o *origin) until(ctx context.Context, parts int) bool {
	for o.there() < min(parts, len(o.parts)) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(partTime / 10):
		}
	}
	return true
}

// index answers the first request of a viewer.
func (o *origin) index(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case r.URL.Query().Get("token") != "good":
		http.Error(w, "no such token", http.StatusForbidden)
	case o.misses > 0:
		o.misses--
		http.Error(w, "not live yet", http.StatusServiceUnavailable)
	default:
		if o.begun.IsZero() {
			o.begun = time.Now()
		}
		w.Header().Set(contentType, "application/vnd.apple.mpegurl")
		fmt.Fprint(w, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS=\"avc1.64000c,mp4a.40.2\",RESOLUTION=256x128,FRAME-RATE=30\nmedia/main.m3u8\n")
	}
}

// media answers for everything else.
func (o *origin) media(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(r.PathValue("file"), ".")
	n, _ := strconv.Atoi(name)
	switch file := r.PathValue("file"); {
	case file == "main.m3u8":
		w.Header().Set(contentType, "application/vnd.apple.mpegurl")
		query := r.URL.Query()
		segment, _ := strconv.Atoi(query.Get("_HLS_msn"))
		part, _ := strconv.Atoi(query.Get("_HLS_part"))
		if !query.Has("_HLS_msn") || o.until(r.Context(), segment*segmentParts+part+1) {
			fmt.Fprint(w, o.playlist(o.there()))
		}
	case file == "init.mp4":
		_, _ = w.Write(o.init)
	case strings.HasSuffix(file, ".part.m4s") && n < len(o.parts):
		if o.until(r.Context(), n+1) {
			_, _ = w.Write(o.part(n))
		}
	case n < len(o.parts)/segmentParts:
		for i := range segmentParts {
			_, _ = w.Write(o.part(n*segmentParts + i))
		}
	default:
		http.NotFound(w, r)
	}
}

// beside puts the origin beside the pages, and keeps what is asked of both.
func (o *origin) beside(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hls/{stream}/index.m3u8", o.index)
	mux.HandleFunc("/hls/{stream}/media/{file}", o.media)
	mux.Handle("/", pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked = append(o.asked, r.URL.RequestURI())
		o.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}
