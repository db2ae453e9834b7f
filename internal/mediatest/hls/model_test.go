package hls

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The stream of the model: 30 pictures a second, a key frame each second, parts of six pictures, a segment of five parts.
const (
	modelSegments = 20
	modelParts    = 5
	modelWindow   = 8 // segments
	modelLate     = 900_000
	pictureTicks  = 3000
	partPictures  = 6
	partTicks     = partPictures * pictureTicks
	composition   = 2 * pictureTicks
)

var modelDate = time.Date(2026, 11, 20, 18, 0, 0, 500e6, time.UTC)

// state is an overlay state of the model, at a picture counted from the first one.
type state struct{ seq, picture int }

var modelStates = []state{{1, 0}, {2, 100}, {3, 200}, {4, 430}}

func (s state) json(now int) string {
	return fmt.Sprintf(`{"v":1,"stream":"m","seq":%d,"at":%d,"now":%d,"show":[]}`, s.seq, s.picture*pictureTicks, now*pictureTicks)
}

func (s state) date() string {
	return modelDate.Add(time.Duration(s.picture) * time.Second / 30).Format("2006-01-02T15:04:05.000Z")
}

// modelBox writes a box.
func modelBox(kind string, content ...[]byte) []byte {
	var b []byte
	for _, c := range content {
		b = append(b, c...)
	}
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+8)), kind...), b...)
}

func words(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func modelInit() []byte {
	picture := make([]byte, 78)
	binary.BigEndian.PutUint16(picture[24:], 640)
	binary.BigEndian.PutUint16(picture[26:], 360)
	entry := modelBox("avc1", picture, modelBox("avcC", []byte{1, 0x64, 0, 0x1e, 0xff}))
	stbl := modelBox("stbl", modelBox("stsd", words(0, 1), entry))
	mdia := modelBox("mdia", modelBox("mdhd", words(0, 0, 0, 90_000, 0, 0)), modelBox("hdlr", words(0, 0), []byte("vide"), words(0, 0, 0)), modelBox("minf", stbl))
	trak := modelBox("trak", modelBox("tkhd", words(0, 0, 0, 1, 0, 0)), mdia)
	return append(modelBox("ftyp", []byte("iso6"), words(0), []byte("cmfc"), []byte("aid3")),
		modelBox("moov", trak, modelBox("mvex", modelBox("trex", words(0, 1, 1, pictureTicks, 0, sampleIsNotASync))))...)
}

// modelEvent writes the emsg of a state, for a picture.
func modelEvent(s state, now int) []byte {
	value := append([]byte("\x03simulcart.overlay\x00"), s.json(now)...)
	frame := append(append([]byte("TXXX"), safe(len(value))...), 0, 0)
	tag := append(append([]byte("ID3\x04\x00\x00"), safe(len(frame)+len(value))...), append(frame, value...)...)
	at := binary.BigEndian.AppendUint64(nil, uint64(modelLate+composition+now*pictureTicks))
	return modelBox("emsg", words(1<<24, 90_000), at, words(0xffffffff, uint32(s.seq)), []byte("https://aomedia.org/emsg/ID3\x00\x00"), tag)
}

func safe(n int) []byte {
	return []byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}
}

// modelPart writes a part by its number from the first one.
func modelPart(part int) []byte {
	first := part * partPictures
	var events []byte
	for i, s := range modelStates {
		switch {
		case s.picture >= first && s.picture < first+partPictures:
			events = append(events, modelEvent(s, s.picture)...)
		case part%modelParts == 0 && s.picture < first && (i+1 == len(modelStates) || modelStates[i+1].picture > first):
			events = append(events, modelEvent(s, first)...)
		}
	}
	moof := func(data int) []byte {
		run := words(trunOffset|trunFirstFlags|trunSize|trunComposition, partPictures, uint32(data), sampleIsNotASync)
		if part%modelParts == 0 {
			run = words(trunOffset|trunFirstFlags|trunSize|trunComposition, partPictures, uint32(data), 0)
		}
		for range partPictures {
			run = append(run, words(4, composition)...)
		}
		tfdt := append(words(1<<24), binary.BigEndian.AppendUint64(nil, uint64(modelLate+part*partTicks))...)
		traf := modelBox("traf", modelBox("tfhd", words(tfhdBaseIsMoof, 1)), modelBox("tfdt", tfdt), modelBox("trun", run))
		return modelBox("moof", modelBox("mfhd", words(0, uint32(part+1))), traf)
	}
	b := moof(len(moof(0)) + 8)
	return append(append(events, b...), modelBox("mdat", words(uint32(part), 1, 2, 3, 4, 5))...)
}

// modelPlaylist writes the version that ends with so many parts.
func modelPlaylist(parts int, skip, ended bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	whole := parts / modelParts
	first := max(0, whole-modelWindow)
	p("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-PART-INF:PART-TARGET=0.2")
	p("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6,HOLD-BACK=3,PART-HOLD-BACK=0.6\n#EXT-X-MEDIA-SEQUENCE:%d", first)
	from := first
	if skipped := whole - first - 6; skip && skipped > 0 && !ended {
		from += skipped
		p("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d", skipped)
	} else {
		p(`#EXT-X-MAP:URI="init0.mp4"`)
	}
	for i, s := range modelStates {
		over := i+1 < len(modelStates) && modelStates[i+1].picture <= parts*partPictures
		if s.picture >= parts*partPictures || over && modelStates[i+1].picture < first*modelParts*partPictures {
			continue
		}
		line := fmt.Sprintf(`#EXT-X-DATERANGE:ID="m-%d",CLASS="simulcart.overlay",START-DATE="%s",X-SIMULCART-OVERLAY="%s"`,
			s.seq, s.date(), base64.RawURLEncoding.EncodeToString([]byte(s.json(s.picture))))
		if over {
			line += fmt.Sprintf(`,END-DATE="%s"`, modelStates[i+1].date())
		}
		p("%s", line)
	}
	for n := from; n <= whole; n++ {
		p("#EXT-X-PROGRAM-DATE-TIME:%s", modelDate.Add(time.Duration(n)*time.Second).Format("2006-01-02T15:04:05.000Z"))
		for i := range modelParts {
			if n*modelParts+i < parts && n >= whole-3 {
				independent := ""
				if i == 0 {
					independent = ",INDEPENDENT=YES"
				}
				p(`#EXT-X-PART:DURATION=0.2,URI="%d.%d.m4s"%s`, n, i, independent)
			}
		}
		if n < whole {
			p("#EXTINF:1.000,\n%d.m4s", n)
		}
	}
	if ended {
		p("#EXT-X-ENDLIST")
	} else {
		p(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="%d.%d.m4s"`, parts/modelParts, parts%modelParts)
	}
	return b.String()
}

const modelIndex = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
	"#EXT-X-STREAM-INF:BANDWIDTH=20000,CODECS=\"avc1.64001e\",RESOLUTION=640x360,FRAME-RATE=30.000\nmain.m3u8\n"

func header(kind, control string) http.Header {
	return http.Header{"Content-Type": {kind}, "Cache-Control": {control}}
}

// modelBodies is what each URI of the model gives.
var modelBodies = sync.OnceValue(func() map[string][]byte {
	all := map[string][]byte{"init0.mp4": modelInit()}
	for n := range modelSegments {
		whole := fmt.Sprintf("%d.m4s", n)
		for i := range modelParts {
			part := modelPart(n*modelParts + i)
			all[fmt.Sprintf("%d.%d.m4s", n, i)] = part
			all[whole] = append(all[whole], part...)
		}
	}
	return all
})

// modelRecording is a recording of the whole model, in which nothing is wrong.
func modelRecording() *Recording {
	r := &Recording{Bodies: make(map[string]*Body), Index: ParseIndex(modelIndex), Slack: 50 * time.Millisecond}
	for uri, b := range modelBodies() {
		r.Bodies[uri] = &Body{Status: http.StatusOK, Header: header("video/mp4", "public, max-age=3600, immutable"), Bytes: b}
	}
	begin := modelDate.Add(time.Minute)
	last := modelSegments*modelParts - 1 // the model has a whole segment at its end, and the playlist one part less
	for parts := 5 * modelParts; parts <= last+1; parts++ {
		ended := parts == last+1
		at := begin.Add(time.Duration(parts) * time.Second / 5)
		whole := Query{int64((parts - 1) / modelParts), int64((parts - 1) % modelParts), false}
		for chain, q := range map[Chain]Query{ByPart: whole, ByDelta: {whole.Sequence, whole.Part, true}, Polling: {-1, -1, false}} {
			text := modelPlaylist(parts, q.Skip && parts > 5*modelParts, ended)
			r.Versions = append(r.Versions, Version{
				Chain: chain, Query: q, Asked: at.Add(-200 * time.Millisecond), Answered: at, Status: http.StatusOK,
				Header: header("application/vnd.apple.mpegurl", "max-age=1"), Text: text, Playlist: Parse(text),
			})
		}
	}
	r.Again = []Later{{"5.m4s", "long", http.StatusOK, true}}
	return r
}
