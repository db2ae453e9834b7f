package flv

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
)

// mustBeTyped fails where an error is none of the two that decoders return.
func mustBeTyped(t *testing.T, err error) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	if err != nil && !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
		t.Fatalf("got error %v", err)
	}
}

// FuzzParseVideo checks that each coded packet that was read alone comes back from what is written for it.
func FuzzParseVideo(f *testing.F) {
	for _, tt := range videoBothWays {
		f.Add(append(mediatest.Unhex(f, tt.header), 0xAA, 0xBB))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		videos, err := ParseVideo(b, nil)
		mustBeTyped(t, err)
		if len(videos) > MaxTracks {
			t.Fatalf("got %d packets", len(videos))
		}
		for _, v := range videos {
			if v.Kind != Coded || v.Composition != 0 && v.Codec == media.AV1 {
				continue
			}
			form := Legacy
			if v.Enhanced {
				form = Enhanced
			}
			header, err := AppendVideoHeader(nil, form, v.Codec, v.Kind, v.Key, v.Composition)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseVideo(append(header, v.Body...), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := again[0]
			if got.Codec != v.Codec || got.Key != v.Key || got.Composition != v.Composition || !bytes.Equal(got.Body, v.Body) {
				t.Errorf("got %+v, want %+v", got, v)
			}
		}
	})
}

// FuzzParseAudio checks that each packet that was read alone comes back from what is written for it.
func FuzzParseAudio(f *testing.F) {
	for _, tt := range audioBothWays {
		f.Add(append(mediatest.Unhex(f, tt.header), tt.body...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		audios, err := ParseAudio(b, nil)
		mustBeTyped(t, err)
		if len(audios) > MaxTracks {
			t.Fatalf("got %d packets", len(audios))
		}
		for _, a := range audios {
			if a.Kind == Empty {
				continue
			}
			header, err := AppendAudioHeader(nil, Enhanced, &media.Track{Codec: a.Codec}, a.Kind, a.Body)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseAudio(append(header, a.Body...), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := again[0]; got.Codec != a.Codec || got.Kind != a.Kind || !bytes.Equal(got.Body, a.Body) {
				t.Errorf("got %+v, want %+v", got, a)
			}
		}
	})
}

// FuzzReader checks that the tags that were read are read again from what is written of them.
func FuzzReader(f *testing.F) {
	f.Add(golden(f, "ffmpeg-mp3.flv"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tags, err := readAll(bytes.NewReader(b))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			mustBeTyped(t, err)
		}
		once := written(t, tags)
		again, err := readAll(bytes.NewReader(once))
		if len(tags) > 0 && err != nil {
			t.Fatalf("read again: %v", err)
		}
		if twice := written(t, again); !bytes.Equal(once, twice) {
			t.Errorf("got %x, want %x", twice, once)
		}
	})
}

// written gives tags as a file.
func written(t *testing.T, tags []Tag) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, tag := range tags {
		if err := w.WriteTag(tag.Type, tag.Timestamp, tag.Body); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// FuzzParseData checks that what is built of any publisher's metadata can be read, and says what the tracks say.
func FuzzParseData(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		_, value, err := ParseData(b)
		mustBeTyped(t, err)
		publisher, _ := value.(amf.ECMA)
		built := BuildMetadata(tracks(media.H264, media.AAC), publisher, Legacy)
		m := ParseMetadata(built)
		if m.Video != media.H264 || m.Width != 1280 || m.Audio != media.AAC || m.SampleRate != 48000 || m.Channels != 2 {
			t.Errorf("got %+v", m)
		}
		again := BuildMetadata(tracks(media.H264, media.AAC), built, Legacy)
		if got, want := amf.Append(nil, again), amf.Append(nil, built); !bytes.Equal(got, want) {
			t.Errorf("built again: got %x, want %x", got, want)
		}
	})
}
