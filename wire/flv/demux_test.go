package flv

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/h264"
)

// avcConfig is the decoder configuration of the golden file, with NAL unit lengths of size bytes.
func avcConfig(t testing.TB, size int) []byte {
	t.Helper()
	tags, err := readAllTags(golden(t, "ffmpeg-h264-aac.flv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if tag.Type == TagVideo {
			c, err := h264.ParseConfig(tag.Body[5:])
			if err != nil {
				t.Fatal(err)
			}
			c.LengthSize = size
			return c.Append(nil)
		}
	}
	t.Fatal("no video in the golden file")
	return nil
}

func readAllTags(b []byte) ([]Tag, error) { return readAll(bytes.NewReader(b)) }

func TestDemuxFileOfFFmpeg(t *testing.T) {
	tags, err := readAllTags(golden(t, "ffmpeg-h264-aac.flv"))
	if err != nil {
		t.Fatal(err)
	}
	var d Demuxer
	changes, frames := 0, map[media.Codec]int{}
	for i, tag := range tags {
		got, err := d.Demux(tag)
		if err != nil {
			t.Fatalf("tag %d: %v", i, err)
		}
		if got.TracksChanged {
			changes++
		}
		f := got.Frame
		if f == nil {
			continue
		}
		frames[f.Track.Codec]++
		if want := media.FromTicks(tag.Timestamp, 1000); f.DTS != want || f.PTS < f.DTS {
			t.Errorf("tag %d: DTS %v and PTS %v, want DTS %v", i, f.DTS, f.PTS, want)
		}
		header := 2
		if tag.Type == TagVideo {
			header = 5
		}
		if !bytes.Equal(f.Data, tag.Body[header:]) {
			t.Errorf("tag %d: the frame's data is not the tag's", i)
		}
		if frames[media.H264] == 1 && tag.Type == TagVideo && !f.Key {
			t.Error("the first picture is no key frame")
		}
	}
	if changes != 3 || frames[media.H264] == 0 || frames[media.AAC] == 0 {
		t.Errorf("got %d changes of tracks and frames %v, want 3 changes and both codecs", changes, frames)
	}
	var codecs []string
	for _, track := range d.Tracks() {
		codecs = append(codecs, track.Codec.String())
	}
	if diff := cmp.Diff([]string{"h264", "aac", "metadata"}, codecs); diff != "" {
		t.Errorf("tracks (-want +got):\n%s", diff)
	}
	if v := d.Tracks()[0]; v.Format.Width == 0 || v.ClockRate != 90000 {
		t.Errorf("video track: %+v", v)
	}
}

func TestDemuxRepeatedSequenceHeader(t *testing.T) {
	var d Demuxer
	head := append(mediatest.Unhex(t, "17 00 000000"), avcConfig(t, 4)...)
	for i, want := range []bool{true, false} {
		got, err := d.Demux(Tag{Type: TagVideo, Body: bytes.Clone(head)})
		if err != nil || got.TracksChanged != want {
			t.Errorf("sequence header %d: changed %v, err %v, want %v", i, got.TracksChanged, err, want)
		}
	}
	before := d.Tracks()[0]
	head[len(head)-1] ^= 1 // another parameter set, or its padding
	if got, err := d.Demux(Tag{Type: TagVideo, Body: head}); err != nil || !got.TracksChanged {
		t.Errorf("a changed one: changed %v, err %v", got.TracksChanged, err)
	}
	if d.Tracks()[0] == before {
		t.Error("a new configuration must be a new track")
	}
}

func TestDemuxGrowsLengths(t *testing.T) {
	var d Demuxer
	if _, err := d.Demux(Tag{Type: TagVideo, Body: append(mediatest.Unhex(t, "17 00 000000"), avcConfig(t, 2)...)}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Demux(Tag{Type: TagVideo, Timestamp: 40, Body: mediatest.Unhex(t, "17 01 000021 0003 65aabb 0002 06cc")})
	if err != nil {
		t.Fatal(err)
	}
	if want := mediatest.Unhex(t, "00000003 65aabb 00000002 06cc"); !bytes.Equal(got.Frame.Data, want) {
		t.Errorf("got %x, want %x", got.Frame.Data, want)
	}
	if c, err := h264.ParseConfig(d.Tracks()[0].Config); err != nil || c.LengthSize != 4 {
		t.Errorf("configuration has lengths of %d (%v), want 4", c.LengthSize, err)
	}
	if want := media.FromTicks(40+0x21, 1000); got.Frame.PTS != want {
		t.Errorf("PTS %v, want %v", got.Frame.PTS, want)
	}
}

func TestDemuxFrames(t *testing.T) {
	vp8 := mediatest.Unhex(t, "90 76703038")          // sequence start without a body: nothing to configure
	key := mediatest.Unhex(t, "91 76703038 01020304") // coded
	mp3 := []byte{0x2F}                               // legacy MP3
	mp3 = append(mp3, 0xFF, 0xFB, 0x90, 0x00)
	mp3 = append(mp3, make([]byte, 413)...)
	var d Demuxer
	for _, c := range []struct {
		name    string
		tag     Tag
		codec   media.Codec
		changed bool
	}{
		{"empty sequence start", Tag{Type: TagVideo, Body: vp8}, media.Unknown, false},
		{"VP8 has no configuration", Tag{Type: TagVideo, Body: key}, media.VP8, true},
		{"VP8 again", Tag{Type: TagVideo, Body: key}, media.VP8, false},
		{"MP3 is configured by its first frame", Tag{Type: TagAudio, Body: mp3}, media.MP3, true},
		{"MP3 again", Tag{Type: TagAudio, Body: mp3}, media.MP3, false},
		{"empty audio", Tag{Type: TagAudio, Body: nil}, media.Unknown, false},
		{"empty video", Tag{Type: TagVideo, Body: nil}, media.Unknown, false},
		{"end of sequence", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "17 02 000000")}, media.Unknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := d.Demux(c.tag)
			if err != nil || got.TracksChanged != c.changed || (got.Frame != nil) != (c.codec != media.Unknown) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if got.Frame != nil && got.Frame.Track.Codec != c.codec {
				t.Errorf("got %v, want %v", got.Frame.Track.Codec, c.codec)
			}
		})
	}
}

// A further track is counted and named once; the first one is relayed. Multitrack, AVC, tracks 0 and 1.
func TestDemuxFurtherTracks(t *testing.T) {
	var d Demuxer
	if _, err := d.Demux(Tag{Type: TagVideo, Body: append(mediatest.Unhex(t, "17 00 000000"), avcConfig(t, 4)...)}); err != nil {
		t.Fatal(err)
	}
	nal := "00000002 65aa"
	body := mediatest.Unhex(t, "96 11 61766331 00 000009 000000"+nal+"01 000009 000000"+nal)
	for i, news := range []int{1, 0} {
		got, err := d.Demux(Tag{Type: TagVideo, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame == nil || got.Extra != 1 || len(got.News) != news {
			t.Errorf("message %d: frame %v, %d extra, news %v; want a frame, 1 extra, %d news", i, got.Frame != nil, got.Extra, got.News, news)
		}
	}
	body = mediatest.Unhex(t, "95 11 6d703461 00 000001 aa 01 000001 bb")
	got, err := d.Demux(Tag{Type: TagAudio, Body: body})
	if err == nil || got.Extra != 1 || len(got.News) != 1 {
		t.Errorf("audio: %+v, %v; want track 1 counted, and an error for track 0 without its sequence header", got, err)
	}
}

func TestDemuxErrors(t *testing.T) {
	for _, c := range []struct {
		name        string
		tag         Tag
		unsupported bool
	}{
		{"H.264 before its sequence header", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "17 01 000000 00000001 65")}, false},
		{"AAC before its sequence header", Tag{Type: TagAudio, Body: mediatest.Unhex(t, "af 01 0102")}, false},
		{"broken AVC configuration", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "17 00 000000 02")}, false},
		{"broken HEVC configuration", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "90 68766331 02")}, false},
		{"broken AAC configuration", Tag{Type: TagAudio, Body: mediatest.Unhex(t, "af 00 ff")}, false},
		{"broken MP3 frame", Tag{Type: TagAudio, Body: mediatest.Unhex(t, "2f 00000000")}, false},
		{"cut video header", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "17 01 00")}, false},
		{"cut data", Tag{Type: TagData, Body: mediatest.Unhex(t, "02 0010 41")}, false},
		{"unknown tag type", Tag{Type: 11}, true},
		{"Sorenson", Tag{Type: TagVideo, Body: mediatest.Unhex(t, "12 00")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Demuxer
			got, err := d.Demux(c.tag)
			var unsupported *wire.UnsupportedError
			if err == nil || errors.As(err, &unsupported) != c.unsupported || got.Frame != nil || got.TracksChanged {
				t.Errorf("got %+v, %v; want an error, unsupported %v", got, err, c.unsupported)
			}
		})
	}
}

func TestDemuxData(t *testing.T) {
	var d Demuxer
	tag := func(values ...any) Tag { return Tag{Type: TagData, Timestamp: 1234, Body: amf.Append(nil, values...)} }
	for _, c := range []struct {
		name    string
		tag     Tag
		changed bool
		data    string
	}{
		{"metadata as publishers send it", tag("@setDataFrame", "onMetaData", amf.ECMA{{Key: "width", Value: 640.0}}), true, ""},
		{"the same again", tag("onMetaData", amf.ECMA{{Key: "width", Value: 640.0}}), false, ""},
		{"as an object", tag("onMetaData", amf.Object{{Key: "width", Value: 1280.0}}), true, ""},
		{"another message", tag("onTextData", amf.ECMA{{Key: "text", Value: "hi"}}), false, "onTextData"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := d.Demux(c.tag)
			var name string
			if f := got.Frame; f != nil {
				name, _, _ = ParseData(f.Data)
				if want := 1234 * media.Millisecond; f.Track.Codec != media.Data || f.PTS != want || f.DTS != want || slices.Contains(d.Tracks(), f.Track) {
					t.Errorf("got the frame %+v", f)
				}
			}
			if err != nil || got.TracksChanged != c.changed || name != c.data {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	v, _, err := amf.Decode(d.Tracks()[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(amf.ECMA{{Key: "width", Value: 1280.0}}, v); diff != "" {
		t.Errorf("metadata track (-want +got):\n%s", diff)
	}
}

func FuzzDemux(f *testing.F) {
	tags, err := readAllTags(golden(f, "ffmpeg-h264-aac.flv"))
	if err != nil {
		f.Fatal(err)
	}
	for _, tag := range tags[:min(len(tags), 8)] {
		f.Add(uint8(tag.Type), tag.Body)
	}
	f.Add(uint8(TagVideo), mediatest.Unhex(f, "96 11 61766331 00 000009 000000 00000002 65aa 01 000009 000000 00000002 65aa"))
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		var d Demuxer
		for range 2 {
			got, err := d.Demux(Tag{Type: TagType(kind), Timestamp: 1 << 33, Body: body})
			if got.Frame != nil && (got.Frame.Track == nil || got.Frame.PTS < got.Frame.DTS || len(got.Frame.Data) == 0) {
				t.Errorf("frame %+v with %v", got.Frame, err)
			}
		}
	})
}
