package whip_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/sei"
)

// bare is the track without its parameter sets, which the pictures have then.
var bare = &media.Track{ID: 0, Codec: media.H264, ClockRate: 90000}

// withSets puts the parameter sets of a configuration in front of a picture.
func withSets(t *testing.T, config, data []byte) []byte {
	t.Helper()
	c, err := h264.ParseConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, unit := range append(c.SPS, c.PPS...) {
		out = append(append(out, 0, 0, 0, byte(len(unit))), unit...)
	}
	return append(out, data...)
}

// Browsers change the size of their pictures in the middle of the stream: each is a new track, and pictures behind it belong to it.
func TestParametersChange(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	other := bytes.Clone(video.Config)
	other[11]++ // of the SPS: another level
	p := peer.Publish(t, r.url, peer.Options{Token: key}, bare)
	for i, config := range [][]byte{video.Config, video.Config, other, nil, video.Config} {
		data := r.picture(config != nil, 500)
		if config != nil {
			data = withSets(t, config, data)
		}
		p.Write(&media.Frame{Track: bare, PTS: ms(int64(40 * i)), Key: config != nil, Data: data})
	}
	got, _ := r.frames(reader, 5)
	for i, same := range []bool{true, true, false, false, true} {
		if bytes.Equal(got[i].Track.Config, video.Config) != same {
			t.Errorf("picture %d: %x", i, got[i].Track.Config)
		}
		if len(got[i].Data) != 504 {
			t.Errorf("picture %d has %d bytes", i, len(got[i].Data))
		}
	}
	if got[0].Track != got[1].Track || got[2].Track != got[3].Track || got[0].Track == got[2].Track {
		t.Error("the tracks change where nothing does")
	}
	if tracks := r.stream.Tracks(); len(tracks) != 1 || tracks[0] != got[4].Track {
		t.Errorf("got %v", tracks)
	}
}

// GStreamer sends parameter sets in its offer alone, if nothing else is asked of it.
func TestSetsInTheOffer(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	c, err := h264.ParseConfig(video.Config)
	if err != nil {
		t.Fatal(err)
	}
	sets := "sprop-parameter-sets=" + base64.StdEncoding.EncodeToString(c.SPS[0]) + "," + base64.StdEncoding.EncodeToString(c.PPS[0])
	edit := func(offer string) string {
		return strings.ReplaceAll(offer, "packetization-mode=1", "packetization-mode=1;"+sets)
	}
	p := peer.Publish(t, r.url, peer.Options{Token: key, Edit: edit}, bare)
	p.Write(&media.Frame{Track: bare, Key: true, Data: r.picture(true, 500)})
	got, _ := r.frames(reader, 1)
	if !got[0].Key || !bytes.Equal(got[0].Track.Config, video.Config) {
		t.Errorf("key %t, track %+v", got[0].Key, got[0].Track)
	}
}

// OBS sends parameter sets in packets of their own, no sender reports, and no key frames for the asking.
func TestSetsOfTheirOwn(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, bare, sound)
	for i := range int64(3) {
		p.Write(&media.Frame{Track: bare, PTS: ms(40 * i), Data: withSets(t, video.Config, nil)})
		p.Write(&media.Frame{Track: bare, PTS: ms(40 * i), Key: true, Data: r.picture(true, 500)})
		p.Write(&media.Frame{Track: sound, PTS: ms(40 * i), Data: mediatest.Opus(1)})
	}
	got, sounds := r.frames(reader, 6)
	if len(got) != 3 || len(sounds) != 3 {
		t.Fatalf("%d pictures, %d sounds", len(got), len(sounds))
	}
	for i, f := range got {
		if f.Track != got[0].Track || !bytes.Equal(f.Track.Config, video.Config) || f.PTS != ms(int64(40*i)) || !f.Key {
			t.Errorf("picture %d at %v: %+v", i, f.PTS, f.Track)
		}
	}
}

// Overlay messages under our name are taken out.
func TestSpoofedOverlays(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	own, err := sei.Append(nil, media.H264, []byte(`{"v":1}`))
	if err != nil {
		t.Fatal(err)
	}
	picture := r.picture(true, 500)
	p.Write(&media.Frame{Track: video, Key: true, Data: append(own, picture...)})
	if got, _ := r.frames(reader, 1); !bytes.Equal(got[0].Data, picture) {
		t.Errorf("got %d bytes, want %d", len(got[0].Data), len(picture))
	}
	if st, _ := r.gate.Status("maria"); st.Counters.Drops()["overlay"] != 1 {
		t.Errorf("dropped %v", st.Counters.Drops())
	}
}

// Other codecs are relayed too.
func TestOtherCodecs(t *testing.T) {
	for name, tt := range map[string]struct {
		track      *media.Track
		key, inter string
		sets       string // that go in front of the key frame, and belong to the track behind
	}{
		"video/VP8": {&media.Track{Codec: media.VP8, ClockRate: 90000}, "50f2009d012a80026801aabbccdd", "31000000000000000000aabb", ""},
		"video/VP9": {&media.Track{Codec: media.VP9, ClockRate: 90000}, "82498342004ff03660aabb", "86000000aabb", ""},
		"video/AV1": {&media.Track{Codec: media.AV1, ClockRate: 90000}, "0a0b00000024cf7f0dbfff300832021000", "32023000", ""},
		"video/H265": {
			&media.Track{Codec: media.HEVC, ClockRate: 90000}, "00000005260180aabb", "00000005020180aabb", // of x265
			"0000001840010c01ffff02200000030090000003000003005d95940900000029" +
				"42010102200000030090000003000003005da00280802d136595952930bc05a02000007d20000ea601000000064401c073c189",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			reader := r.stream.Subscribe("test", 0)
			defer reader.Close()
			p := peer.Publish(t, r.url, peer.Options{Token: key, Codecs: []string{name}}, tt.track)
			p.Write(&media.Frame{Track: tt.track, Key: true, Data: mediatest.Unhex(t, tt.sets+tt.key)})
			p.Write(&media.Frame{Track: tt.track, PTS: ms(40), Data: mediatest.Unhex(t, tt.inter)})
			got, _ := r.frames(reader, 2)
			if len(got) != 2 || !got[0].Key || got[1].Key || !bytes.Equal(got[0].Data, mediatest.Unhex(t, tt.key)) || !bytes.Equal(got[1].Data, mediatest.Unhex(t, tt.inter)) {
				t.Errorf("got %d pictures: %x %x", len(got), got[0].Data, got[1].Data)
			}
			if got[0].Track.Codec != tt.track.Codec || got[0].Track.Format.Width == 0 {
				t.Errorf("got %+v", got[0].Track)
			}
		})
	}
}

// The publisher's own sender reports say how far its sound lies from where it belongs, and it is moved there.
func TestSenderReports(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key, NoReports: true}, video, sound)
	at := time.Now() // both are made then, and sent later
	p.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 500)})
	p.Write(&media.Frame{Track: sound, Data: mediatest.Opus(1)})
	r.frames(reader, 2)
	apart := func() time.Duration {
		st, _ := r.server.Status("maria")
		return st.Apart
	}
	var begun time.Duration
	var last time.Time
	each := func(send func(now time.Time)) { // more would queue on a busy machine
		if now := time.Now(); now.Sub(last) >= 40*time.Millisecond {
			last = now
			send(now)
		}
	}
	r.until("the reports", func() bool {
		each(func(now time.Time) {
			p.Report(0, media.Time(now.Sub(at)), now)
			p.Report(1, media.Time(now.Sub(at)), now.Add(100*time.Millisecond)) // sound was made 100 ms later than the picture of that time
		})
		begun = apart()
		return begun < -70*time.Millisecond && begun > -130*time.Millisecond // the sound may have arrived later than the picture
	})
	r.until("the sound to move", func() bool {
		each(func(now time.Time) {
			p.Write(&media.Frame{Track: sound, PTS: media.Time(now.Sub(at)), Data: mediatest.Opus(1)}) // never before it is made
		})
		return apart() > begun+10*time.Millisecond
	})
}
