//go:build linux

package accept_test

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// coding is a codec as Enhanced RTMP carries it.
type coding struct {
	fourCC string
	config string                       // of the sequence header, in hexadecimal; "": there is none
	frame  func(n int, key bool) []byte // the data of frame n
	legacy func(g mediatest.Tag) []byte // the same body in the form without FourCC; nil: there is none
	each   time.Duration                // between two frames
}

// unit is a NAL unit, of 3 KiB, with its length in front.
func unit(n int, header ...byte) []byte {
	const rest = 3 << 10
	size := len(header) + rest
	return slices.Concat([]byte{0, 0, byte(size >> 8), byte(size)}, header, bytes.Repeat([]byte{byte(n) | 1}, rest))
}

// either gives one of two headers.
func either(first bool, a, b []byte) []byte {
	if first {
		return a
	}
	return b
}

const picture, granule = 33 * time.Millisecond, 20 * time.Millisecond

// The configurations are ffmpeg's, see the test data of the codecs below wire; relaying looks at no more of a frame than is here.
var (
	avc1 = coding{
		"avc1", "0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800",
		func(n int, key bool) []byte { return unit(n, either(key, []byte{0x65}, []byte{0x41})...) },
		legacyAVC, picture,
	}
	hvc1 = coding{
		"hvc1", "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003007b959409a1" +
			"0001002b42010101600000030090000003000003007ba003c0801107cb965654a4c2f0168080000003008000001e04a2000100064401c073c189",
		func(n int, key bool) []byte { return unit(n, either(key, []byte{0x26, 1}, []byte{2, 1})...) },
		nil, picture,
	}
	av01 = coding{
		"av01", "81010c000a0b0000000cc4ff6736be4010",
		func(n int, _ bool) []byte {
			return append([]byte{0x32, 0x80, 0x10}, bytes.Repeat([]byte{byte(n)}, 2<<10)...)
		}, // a frame's OBU
		nil, picture,
	}
	vp09 = coding{
		"vp09", "010000000015820202020000",
		func(n int, key bool) []byte {
			return append(either(key, []byte{0x82, 0x49, 0x83, 0x42}, []byte{0x86, 0}), bytes.Repeat([]byte{byte(n)}, 5000)...)
		},
		nil, picture,
	}
	mp4a = coding{"mp4a", "119056e500", sounds(0x21), legacySound(0xAF, 1), granule}
	opus = coding{"Opus", "4f707573486561640102380180bb0000000000", sounds(0xFC), nil, granule}
	flac = coding{
		"fLaC", "664c614380000022" + "1200120000010e0005170bb802f000004b00581c026f9fb198c5a69bdefdd58a1c2c",
		sounds(0xFF, 0xF8), nil, granule,
	}
	mp3 = coding{".mp3", "", sounds(0xFF, 0xFB, 0x90, 0x64), legacySound(0x2F), granule}
)

// sounds makes frames of sound that begin alike.
func sounds(header ...byte) func(n int, key bool) []byte {
	return func(n int, _ bool) []byte {
		return append(slices.Clone(header), bytes.Repeat([]byte{byte(n)}, 417-len(header))...)
	}
}

// legacyAVC gives the body in the form that all platforms take.
func legacyAVC(g mediatest.Tag) []byte {
	composition, data := []byte{0, 0, 0}, g.Body[5:]
	if g.Body[0]&15 == 1 {
		composition, data = g.Body[5:8], g.Body[8:]
	}
	return append(append([]byte{g.Body[0]&0x70 | 7, 1}, composition...), data...)
}

func legacySound(header ...byte) func(g mediatest.Tag) []byte {
	return func(g mediatest.Tag) []byte { return append(slices.Clone(header), g.Body[5:]...) }
}

// tags makes three seconds, with a key frame each second. Pictures have composition times as B-frames make them, where the codec
// has such.
func (c coding) tags(t *testing.T, kind uint8, reordered bool) (all []mediatest.Tag) {
	first := func(key bool, packet byte) byte {
		if kind == mediatest.AudioTag {
			return 0x90 | packet
		}
		return 0x80 | map[bool]byte{true: 0x10, false: 0x20}[key] | packet
	}
	if c.config != "" {
		all = append(all, mediatest.Tag{Type: kind, Body: slices.Concat([]byte{first(true, 0)}, []byte(c.fourCC), mediatest.Unhex(t, c.config))})
	}
	compositions := []byte{66, 132, 33, 0}
	for n := range int(3 * time.Second / c.each) {
		key, packet, composition := n%30 == 0, byte(1), []byte(nil)
		if reordered {
			if composition = []byte{0, 0, compositions[n%4]}; composition[2] == 0 {
				packet, composition = 3, nil
			}
		}
		all = append(all, mediatest.Tag{
			Type: kind, Time: (time.Duration(n) * c.each).Milliseconds(),
			Body: slices.Concat([]byte{first(key, packet)}, []byte(c.fourCC), composition, c.frame(n, key)),
		})
	}
	return all
}

// TestCodecs publishes each codec through its FourCC: a destination that wants Enhanced RTMP gets the same bytes, others get the old form
// of the codecs that have one, and a platform that takes H.264 and AAC only is not even dialled for HEVC, which no bridge makes fit.
func TestCodecs(t *testing.T) {
	onPlatforms := map[string]bool{"avc1": true, "hvc1": true} // the others go there by bridges, which decode what here is no real coding
	r := mediatest.NewReceiver(t)
	pairs := [][2]coding{{avc1, mp4a}, {hvc1, opus}, {av01, flac}, {vp09, mp3}}
	var streams []stream
	for _, p := range pairs {
		id := p[0].fourCC
		streams = append(streams, stream{id: id, destinations: []destination{
			{name: "enhanced", url: "rtmp://" + r.Addr + "/live", key: id + "-enhanced", more: "enhanced: true"},
			{name: "default", url: "rtmp://" + r.Addr + "/live", key: id + "-default"},
		}})
		if onPlatforms[id] {
			d := &streams[len(streams)-1].destinations
			*d = append(*d, destination{name: "tiktok", platform: "tiktok", url: "rtmp://" + r.Addr + "/live", key: id + "-tiktok"})
		}
	}
	g := serve(t, streams...)
	published := map[string][]mediatest.Tag{}
	for i, s := range streams {
		video := pairs[i][0].tags(t, mediatest.VideoTag, i < 2)
		all := slices.Concat(video, pairs[i][1].tags(t, mediatest.AudioTag, false))
		slices.SortStableFunc(all, func(a, b mediatest.Tag) int { return cmp.Compare(a.Time, b.Time) })
		published[s.id] = all
		c, _ := mediatest.Publisher(t, g.rtmp, s.key())
		feed(t, c, all)
	}
	for i, s := range streams {
		want := published[s.id]
		checkCodecs(t, r, s.id+"-enhanced", want)
		var old []mediatest.Tag
		for _, tag := range mediatest.CodedTags(want) {
			if of := pairs[i][map[uint8]int{mediatest.VideoTag: 0, mediatest.AudioTag: 1}[tag.Type]]; of.legacy != nil {
				tag.Body = of.legacy(tag)
			}
			old = append(old, tag)
		}
		checkForm(t, r, s.id+"-default", old)
		switch {
		case !onPlatforms[s.id]:
			continue
		case pairs[i][0].legacy != nil:
			checkForm(t, r, s.id+"-tiktok", old)
			continue
		}
		g.awaitDestination(t, s, "tiktok", func(d destinationStatus) bool { return d.Cause == "codec" && d.State == "rejected" })
		if n := len(r.Sessions(s.id + "-tiktok")); n != 0 {
			t.Errorf("%s: the platform was dialled %d times", s.id, n)
		}
	}
}

// checkForm checks that a destination got these coded payloads.
func checkForm(t *testing.T, r *mediatest.Receiver, key string, want []mediatest.Tag) {
	t.Helper()
	awaitTags(t, r, key, len(want))
	same(t, key, want, r.Sessions(key)[0].Tags())
}

// checkCodecs checks that a destination got sequence headers and frames as they were published.
func checkCodecs(t *testing.T, r *mediatest.Receiver, key string, want []mediatest.Tag) {
	t.Helper()
	checkForm(t, r, key, mediatest.CodedTags(want))
	got := r.Sessions(key)[0].Tags()
	headers := func(tags []mediatest.Tag) map[uint8][]byte {
		found := map[uint8][]byte{}
		for _, tag := range tags {
			if !tag.Coded() && tag.Type != mediatest.DataTag {
				found[tag.Type] = tag.Body
			}
		}
		return found
	}
	for kind, body := range headers(want) {
		if sent := headers(got)[kind]; !bytes.Equal(sent, body) {
			t.Errorf("%s: sequence header of type %d: got %x, want %x", key, kind, sent, body)
		}
	}
}

// awaitTags waits until a destination has so many coded payloads on its first connection.
func awaitTags(t *testing.T, r *mediatest.Receiver, key string, n int) {
	t.Helper()
	mediatest.Within(t, patience, key+" to have all payloads", func() bool {
		sessions := r.Sessions(key)
		return len(sessions) > 0 && len(mediatest.CodedTags(sessions[0].Tags())) >= n
	})
}
