package rtp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/opus"
)

// Parameter sets that are as short as the code allows; no decoder would take them.
const (
	sps      = "6742c01e88"
	pps      = "68ce3c80"
	hevcVPS  = "40010c01"
	hevcSPS  = "42010101"
	hevcPPS  = "4401c172"
	sequence = "0a0b 00000004 3cfecc da f9 0040"
)

// track gives a track of a codec with a configuration.
func track(t testing.TB, c media.Codec) *media.Track {
	t.Helper()
	unhex := func(s string) []byte { return mediatest.Unhex(t, s) }
	tr := &media.Track{ID: 1, Codec: c, ClockRate: 90000}
	switch c {
	case media.H264:
		config := h264.Config{Profile: 0x42, Compatibility: 0xc0, Level: 0x1e, LengthSize: 4, SPS: [][]byte{unhex(sps)}, PPS: [][]byte{unhex(pps)}}
		tr.Config = config.Append(nil)
	case media.HEVC:
		config := hevc.Config{BitDepthLuma: 8, BitDepthChroma: 8, LengthSize: 4, Arrays: []hevc.Array{
			{Type: hevc.PictureSet, Units: [][]byte{unhex(hevcPPS)}},
			{Type: hevc.VideoSet, Units: [][]byte{unhex(hevcVPS)}},
			{Type: hevc.SequenceSet, Units: [][]byte{unhex(hevcSPS)}},
		}}
		tr.Config = config.Append(nil)
	case media.AV1:
		tr.Config = av1.Config{LevelIndex: 8, SubsamplingX: true, SubsamplingY: true, OBUs: unhex(sequence)}.Append(nil)
	case media.AAC:
		config, err := aac.Config{Object: aac.LC, Rate: 48000, ChannelConfig: 2, FrameLength: 1024}.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		tr.Config, tr.ClockRate = config, 48000
	case media.Opus:
		tr.Config, tr.ClockRate = opus.Head{Channels: 2, PreSkip: 312, Streams: 1, Coupled: 1}.AppendDOps(nil), opus.Rate
	}
	return tr
}

// bare gives a track without a configuration, so that nothing is put in front of key frames.
func bare(t testing.TB, c media.Codec) *media.Track {
	t.Helper()
	tr := track(t, c)
	if c != media.AAC {
		tr.Config = nil
	}
	return tr
}

func packetizer(t testing.TB, tr *media.Track, most int) *Packetizer {
	t.Helper()
	p, err := NewPacketizer(tr, most)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func depacketizer(t testing.TB, tr *media.Track) *Depacketizer {
	t.Helper()
	d, err := NewDepacketizer(tr, 0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// link carries frames from a packetizer as the bytes of packets.
type link struct {
	p        *Packetizer
	sequence uint16
}

// packets gives the packets of a frame.
func (l *link) packets(t testing.TB, timestamp uint32, key bool, parts ...[]byte) []Packet {
	t.Helper()
	payloads, err := l.p.Payloads(key, parts...)
	if err != nil {
		t.Fatal(err)
	}
	var all []Packet
	for _, payload := range payloads {
		h := Header{Marker: payload.Marker, PayloadType: 96, Sequence: l.sequence, Timestamp: timestamp, SSRC: 0x5eed}
		l.sequence++
		b := append(append(h.Append(nil), payload.Header...), payload.Body...)
		if len(b) != HeaderSize+payload.Len() {
			t.Fatalf("got %d bytes, want %d", len(b), HeaderSize+payload.Len())
		}
		p, err := ParsePacket(b)
		if err != nil {
			t.Fatal(err)
		}
		if p.Header != h {
			t.Fatalf("got %+v, want %+v", p.Header, h)
		}
		all = append(all, p)
	}
	return all
}

// push gives packets to a depacketizer, all of which must be good.
func push(t testing.TB, d *Depacketizer, packets ...Packet) (all []Frame) {
	t.Helper()
	for i, p := range packets {
		frames, err := d.Push(p)
		if err != nil {
			t.Fatalf("packet %d, %x: %v", i, p.Payload, err)
		}
		all = append(all, frames...)
	}
	return all
}

// units puts NAL units behind their lengths.
func units(all ...[]byte) []byte {
	var b []byte
	for _, u := range all {
		b = append(b, byte(len(u)>>24), byte(len(u)>>16), byte(len(u)>>8), byte(len(u)))
		b = append(b, u...)
	}
	return b
}

// body is n bytes that are easy to tell apart.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// outline writes packets as "payload" or "payload M", the payload cut where it is long.
func outline(packets []Packet) string {
	var lines []string
	for _, p := range packets {
		line := fmt.Sprintf("%x", p.Payload[:min(len(p.Payload), 24)])
		if len(p.Payload) > 24 {
			line += fmt.Sprintf(" of %d", len(p.Payload))
		}
		if p.Marker {
			line += " M"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// same fails where frames do not hold exactly the given data.
func same(t testing.TB, got []Frame, want ...[]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d frames, want %d", len(got), len(want))
	}
	for i, f := range got {
		if !bytes.Equal(f.Data, want[i]) {
			t.Fatalf("frame %d: got %d bytes %x, want %d bytes %x", i, len(f.Data), f.Data[:min(64, len(f.Data))], len(want[i]), want[i][:min(64, len(want[i]))])
		}
	}
}
