package hls

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/codec"
)

// Configurations as ffmpeg makes them: H.264 High of 64x36 and 30 pictures a second, the same of 128x72, and AAC-LC of 48 and 44.1 kHz stereo.
var (
	picture   = trackOf(0, media.H264, "0164000affe100196764000aacd9447f9f0110000003001000000303c0f122596001000668ebe3cb22c0fdf8f800")
	larger    = trackOf(0, media.H264, "0164000affe100196764000aacd9420bf970110000030001000003003c0f12259601000668ebe3cb22c0fdf8f800")
	sound     = trackOf(1, media.AAC, "1190")
	soundCD   = trackOf(1, media.AAC, "1210")
	cardTrack = &media.Track{ID: overlay.TrackID, Codec: media.Overlay}
)

func trackOf(id uint8, c media.Codec, config string) *media.Track {
	b, err := hex.DecodeString(config)
	if err != nil {
		panic(err)
	}
	t, err := codec.NewTrack(id, c, b)
	if err != nil {
		panic(err)
	}
	return t
}

// renewed gives a track with the same content.
func renewed(t *media.Track) *media.Track {
	again := *t
	return &again
}

func ms(n int64) media.Time { return media.Time(n) * media.Millisecond }

func seconds(n float64) media.Time { return media.Time(n * float64(time.Second)) }

// source makes frames as an encoder does.
type source struct {
	video, audio *media.Track // nil: it has none
	step         media.Time   // from one picture to the next; 0: 1/30 s
	group        int          // pictures from one key frame to the next; 0: 30; below 0: there is only the first one
	reorder      bool         // each second picture is shown before the one that is decoded before it
	rounded      bool         // times are those of RTMP, whole milliseconds
	begin        media.Time   // of the first picture
	size         int          // bytes of a picture; 0: 100
}

// until gives the frames up to a time, in decode order.
func (s source) until(end media.Time) []*media.Frame {
	var all []*media.Frame
	round := func(t media.Time) media.Time {
		if s.rounded {
			return media.FromTicks(t.Ticks(1000), 1000)
		}
		return media.FromTicks(t.Ticks(90000), 90000)
	}
	step, group := cmp.Or(s.step, media.Time(time.Second)/30), cmp.Or(s.group, 30)
	for i := media.Time(0); s.video != nil; i++ {
		dts := s.begin + i*step
		if dts > end-media.Time(time.Microsecond) {
			break
		}
		n := int(i) // in its group
		if group > 0 {
			n %= group
		}
		key, pts := n == 0, dts
		switch {
		case !s.reorder:
		case key, n%2 == 1 && n == group-1: // all others before it have been shown
			pts += step
		case n%2 == 1:
			pts += 2 * step
		}
		all = append(all, &media.Frame{Track: s.video, DTS: round(dts), PTS: round(pts), Key: key, Data: pictureOf(int(i), key, cmp.Or(s.size, 100))})
	}
	for i := int64(0); s.audio != nil; i++ {
		at := s.begin + media.FromTicks(i*1024, s.audio.ClockRate)
		if at >= end {
			break
		}
		if s.rounded {
			at = media.FromTicks(at.Ticks(1000), 1000)
		}
		all = append(all, &media.Frame{Track: s.audio, DTS: at, PTS: at, Data: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
	slices.SortStableFunc(all, func(a, b *media.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return all
}

// pictureOf is an access unit of one slice that bears a number.
func pictureOf(n int, key bool, size int) []byte {
	data := make([]byte, max(size, 9))
	binary.BigEndian.PutUint32(data, uint32(len(data)-4))
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	binary.BigEndian.PutUint32(data[5:], uint32(n)|0x80808080)
	return data
}

// stateOf is an overlay frame of one card in front of f.
func stateOf(seq int64, at media.Time, f *media.Frame) *media.Frame {
	p := &overlay.Product{
		ID: "red", Title: []overlay.Text{{Lang: "en", Text: "Dress"}}, Link: "https://a.b/c",
		Price: []overlay.Money{{Amount: 2499, Currency: "EUR"}, {Amount: 2799, Currency: "USD"}},
	}
	data, err := overlay.EncodeState(&overlay.State{
		Stream: "abc", Seq: seq, At: at, Cards: []overlay.Card{{Cue: fmt.Sprint("c", seq), Slot: "main", Style: "card", Product: p}},
	})
	if err != nil {
		panic(err)
	}
	return &media.Frame{Track: cardTrack, DTS: f.DTS, PTS: f.PTS, Key: f.Key, Data: data}
}

// itemsOf reads the states among frames.
func itemsOf(frames []*media.Frame) []item {
	var reader overlay.Reader
	all := make([]item, len(frames))
	for i, f := range frames {
		all[i].frame = f
		if f.Track.Codec == media.Overlay {
			all[i].state = reader.Read(f)
		}
	}
	return all
}

func failIf(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
