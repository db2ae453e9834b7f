package rtmp

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/sei"
)

// spoof is an overlay message as an encoder could send it.
func spoof(seq int) string {
	return fmt.Sprintf(`{"v":1,"stream":"up","seq":%d,"at":0,"now":0,"show":[{"slot":"main","pos":"top","style":"card",`+
		`"product":{"id":"fake","title":"Fake","price":{"amount":1,"currency":"EUR"},"link":"https://a.b/c"}}]}`, seq)
}

// withSEI is a video message, FLV header and NAL units, with an overlay message in its picture.
func withSEI(t *testing.T, message, text string) string {
	t.Helper()
	body := unhex(message)
	own, err := sei.Append(nil, media.H264, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const head = 5 // FLV's, with the composition time
	return hex.EncodeToString(body[:head]) + hex.EncodeToString(own) + hex.EncodeToString(body[head:])
}

func textData(t *testing.T, text string) string {
	t.Helper()
	body, err := flv.AppendText(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(body)
}

// frames gives the next n frames of a stream.
func (r *rig) frames(reader *relay.Reader, n int) (got []*media.Frame) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for len(got) < n {
		frames, _, err := reader.Next(ctx, nil, 1)
		if err != nil {
			r.Fatalf("read: %d of %d frames, %v", len(got), n, err)
		}
		got = append(got, frames...)
	}
	return got
}

// What an encoder sends under our name is taken out and counted, and the encoder's owner is told what to do; user data of others
// and other data messages pass.
func TestSpoofedOverlays(t *testing.T) {
	r, dial := loopback(t)
	c := r.mustPublish(dial(), "maria-key")
	reader := r.hub.Stream("maria").Subscribe("test", 0)
	defer reader.Close()
	const foreign = "0000000a 06 05 06 666666666666 80" // another's user data, too short for a UUID
	r.send(c, rtmp.TypeVideo, 0, withSEI(t, "17 01 000042"+foreign+"00000004 65aabbcc", spoof(1)))
	r.send(c, rtmp.TypeAudio, 0, sound)
	r.send(c, rtmp.TypeData, 20, textData(t, spoof(2)))
	r.send(c, rtmp.TypeData, 20, textData(t, `{"v":9,"seq":"x"}`))
	r.send(c, rtmp.TypeData, 20, textData(t, "hello"))
	cue := hex.EncodeToString(amf.Append(nil, "onCuePoint", 1.0))
	r.send(c, rtmp.TypeData, 20, cue)
	r.send(c, rtmp.TypeVideo, 40, withSEI(t, "27 01 000000", spoof(3))) // a picture of nothing else
	r.send(c, rtmp.TypeVideo, 80, interFrame)
	var got []string
	for _, f := range r.frames(reader, 5) {
		got = append(got, fmt.Sprintf("%s %d %x", f.Track.Codec, f.PTS.Ticks(1000), f.Data))
	}
	want := []string{
		"h264 0 " + strings.ReplaceAll(foreign, " ", "") + "0000000465aabbcc",
		"aac -66 0102030405",
		"data -46 " + textData(t, "hello"),
		"data -46 " + cue,
		"h264 14 0000000341aabb",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("frame %d: got %s, want %s", i, got[i], want[i])
		}
	}
	st, _ := r.gate.Status("maria")
	if n := st.Counters.Drops()["overlay"]; n != 4 {
		t.Errorf("dropped %d, want 4", n)
	}
	r.logged("trust_overlays: true")
}

// A message that receivers could find in any text of a data message is found here too.
func TestHoldsMessage(t *testing.T) {
	j := `{"v":1,"stream":"evil","seq":99}`
	for name, v := range map[string]any{
		"lower": amf.ECMA{{Key: "type", Value: "text"}, {Key: "text", Value: j}}, "array": amf.Array{j},
		"twice": amf.Object{{Key: "text", Value: j}, {Key: "text", Value: "hi"}}, "nested": amf.Array{1.0, amf.ECMA{{Key: "a", Value: amf.XML(j)}}},
	} {
		if values, err := amf.DecodeAll(amf.Append(nil, "onTextData", v)); err != nil || !holdsMessage(values...) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if holdsMessage("onTextData", amf.ECMA{{Key: "text", Value: "hi"}}) {
		t.Error("hi is a message")
	}
}

// A trusted encoder's messages, by either carriage, become a cue at its own picture; in what goes out they are ours.
func TestTrustedOverlays(t *testing.T) {
	r, dial := loopback(t)
	line := &overlay.Timeline{}
	r.gate.Configure("maria", ingest.Options{Hold: time.Minute, Timeline: line, TrustOverlays: true})
	c := r.mustPublish(dial(), "maria-key")
	reader := r.hub.Stream("maria").Subscribe("test", 0)
	defer reader.Close()
	r.send(c, rtmp.TypeVideo, 0, "17 01 000000 00000004 65aabbcc")
	r.send(c, rtmp.TypeAudio, 0, sound)
	r.send(c, rtmp.TypeVideo, 40, withSEI(t, interFrame, spoof(1)))
	r.send(c, rtmp.TypeData, 80, textData(t, strings.Replace(spoof(2), "fake", "second", 1)))
	r.send(c, rtmp.TypeVideo, 80, interFrame)
	var got []string
	for _, f := range r.frames(reader, 6) {
		line := fmt.Sprintf("%s %d", f.Track.Codec, f.PTS.Ticks(1000))
		if f.Track.Codec == media.Overlay {
			s, err := overlay.ParseState(f.Data)
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprintf(" %s %d", s.Cards[0].Product.ID, s.Seq)
		} else if _, found := sei.Strip(f.Track.Codec, f.Data); found {
			line += " with the encoder's message"
		}
		got = append(got, line)
	}
	want := []string{"h264 0", "aac 0", "overlay 40 fake 1", "h264 40", "overlay 80 second 2", "h264 80"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("frame %d: got %s, want %s", i, got[i], want[i])
		}
	}
	if s, _ := line.Current(); s.Stream == "up" {
		t.Error("the state has the encoder's session id")
	}
}

// Pictures without overlay messages cost no allocation to look at.
func TestCleanseAllocatesNothing(t *testing.T) {
	p := &publisher{}
	f := &media.Frame{Track: &media.Track{Codec: media.H264}, Data: unhex("0000000a 06 05 06 666666666666 80 00000004 65aabbcc")}
	if n := testing.AllocsPerRun(100, func() { p.cleanse(f) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// BenchmarkCleanse is what looking for overlay messages costs in a picture of 25 kB in four slices.
func BenchmarkCleanse(b *testing.B) {
	slice := append(unhex("00001800 41"), make([]byte, 0x1800-1)...)
	f := &media.Frame{Track: &media.Track{Codec: media.H264}}
	for range 4 {
		f.Data = append(f.Data, slice...)
	}
	p := &publisher{}
	b.SetBytes(int64(len(f.Data)))
	for b.Loop() {
		if !p.cleanse(f) {
			b.Fatal("nothing is left")
		}
	}
}
