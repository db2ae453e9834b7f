package rtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// known says whether err is one that a reader of hostile bytes may give.
func known(err error) bool {
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	var over *LimitError
	return errors.As(err, &syntax) || errors.As(err, &unsupported) || errors.As(err, &over)
}

// FuzzParsePacket checks that whatever is read as a packet is read by the header that we write for it too.
func FuzzParsePacket(f *testing.F) {
	f.Add(Header{Marker: true, PayloadType: 96, Sequence: 1, Timestamp: 2, SSRC: 3}.Append(nil))
	for _, p := range recorded(f, "h264") {
		f.Add(append(p.Append(nil), p.Payload...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		again, err := ParsePacket(append(p.Append(nil), p.Payload...))
		if err != nil || again.Header != p.Header || !bytes.Equal(again.Payload, p.Payload) {
			t.Errorf("got %+v, then %+v and error %v", p, again, err)
		}
	})
}

// FuzzDepacketize takes any packets: the bytes are packets behind their lengths of one byte, whose first byte holds the marker, a step of the
// sequence number and a step of the timestamp. What comes is within the bound and fits its lengths, so that the packetizer takes it.
func FuzzDepacketize(f *testing.F) {
	for i, name := range []string{"h264", "hevc", "", "vp8", "vp9", "aac", "opus"} {
		if name == "" {
			f.Add(byte(i), []byte("\x06\x80\x50\x30\xaa\xbb\xcc\x05\x80\x90\xdd\xee\xff"))
			continue
		}
		var b []byte
		for _, p := range recorded(f, name)[:4] {
			payload := p.Payload[:min(len(p.Payload), 250)]
			flags := byte(0)
			if p.Marker {
				flags |= 0x80
			}
			b = append(append(b, byte(1+len(payload)), flags), payload...)
		}
		f.Add(byte(i), b)
	}
	tracks := map[media.Codec]*media.Track{}
	for _, c := range all {
		tracks[c] = bare(f, c)
	}
	const most = 600
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		tr := tracks[all[int(which)%len(all)]]
		d, err := NewDepacketizer(tr, most)
		if err != nil {
			t.Fatal(err)
		}
		p := packetizer(t, tr, 0)
		var h Header
		for len(b) > 1 {
			n := min(int(b[0]), len(b)-1)
			packet := b[1 : 1+n]
			b = b[1+n:]
			if n == 0 {
				continue
			}
			flags := packet[0]
			h.Marker = flags&0x80 != 0
			h.Sequence += 1 + uint16(flags>>4&3)
			h.Timestamp += uint32(flags & 1)
			frames, err := d.Push(Packet{Header: h, Payload: packet[1:]})
			if err != nil && !known(err) {
				t.Fatalf("got %v", err)
			}
			if len(d.data) > most || cap(d.data) > 4*most {
				t.Fatalf("%d bytes are held, in %d", len(d.data), cap(d.data))
			}
			for _, f := range frames {
				if len(f.Data) == 0 || len(f.Data) > most {
					t.Fatalf("a frame of %d bytes", len(f.Data))
				}
				if _, err := p.Payloads(false, f.Data); err != nil {
					t.Fatalf("%x: %v", f.Data, err)
				}
			}
		}
	})
}

// FuzzPacketize cuts any bytes that are a frame, and puts them together again.
func FuzzPacketize(f *testing.F) {
	f.Add(byte(0), uint16(0), true, units(body(500), []byte{0x65, 1}))
	f.Add(byte(1), uint16(10), false, units([]byte{0x26, 1, 2}, append([]byte{0x02, 1}, body(100)...)))
	f.Add(byte(2), uint16(0), true, []byte{0x0a, 1, 2, 0x2a, 2, 3, 4, 0x30, 5, 6})
	f.Add(byte(5), uint16(0), true, body(200))
	tracks := map[media.Codec]*media.Track{}
	for _, c := range all {
		tracks[c] = bare(f, c)
	}
	f.Fuzz(func(t *testing.T, which byte, bound uint16, key bool, data []byte) {
		tr := tracks[all[int(which)%len(all)]]
		most := leastPayload + int(bound)%(InterleavedPayload-leastPayload+1)
		payloads, err := packetizer(t, tr, most).Payloads(key, data)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		d := depacketizer(t, tr)
		var back []byte
		for i, payload := range payloads {
			if payload.Len() > max(most, mostDatagram) || tr.Codec != media.Opus && payload.Len() > most {
				t.Fatalf("a payload of %d bytes, at most %d", payload.Len(), most)
			}
			b := append(bytes.Clone(payload.Header), payload.Body...)
			frames, err := d.Push(Packet{Header: Header{Sequence: uint16(i), Marker: payload.Marker}, Payload: b})
			if err != nil {
				if tr.Codec == media.AV1 || len(b) <= unitHeader(tr.Codec) {
					return // an OBU or NAL unit that is nothing but a header, or has a size within its payload
				}
				t.Fatalf("payload %x: %v", b, err)
			}
			for _, f := range frames {
				back = append(back, f.Data...)
			}
		}
		if len(payloads) == 0 {
			return
		}
		again, err := packetizer(t, tr, most).Payloads(key, back)
		if err != nil || len(again) != len(payloads) {
			t.Fatalf("%x gives %d payloads, then %x gives %d and error %v", data, len(payloads), back, len(again), err)
		}
		for i := range again {
			if !bytes.Equal(again[i].Header, payloads[i].Header) || !bytes.Equal(again[i].Body, payloads[i].Body) {
				t.Fatalf("payload %d: got %+v, then %+v", i, payloads[i], again[i])
			}
		}
	})
}

// FuzzMapping reads any mapping of SDP: a track that comes of it is told in a mapping that gives the same track.
func FuzzMapping(f *testing.F) {
	for _, name := range []string{"h264", "hevc", "vp8", "vp9", "aac", "opus"} {
		tr := described(f, name)
		m, err := MappingOf(tr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.RTPMap(), m.Parameters)
	}
	f.Add("AV1/90000", "profile=0;level-idx=8;tier=0")
	f.Fuzz(func(t *testing.T, rtpmap, parameters string) {
		m, err := ParseRTPMap(rtpmap)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		m.Parameters = parameters
		tr, err := m.Track(1)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if _, err := NewDepacketizer(tr, 0); err != nil {
			t.Fatalf("%+v: %v", tr, err)
		}
		told, err := MappingOf(tr)
		if err != nil {
			t.Fatalf("%+v: %v", tr, err)
		}
		if !strings.EqualFold(told.Name, m.Name) || told.Rate != m.Rate {
			t.Fatalf("got %+v, then %+v", m, told)
		}
		again, err := told.Track(1)
		if err != nil || again.Codec != tr.Codec || again.ClockRate != tr.ClockRate || !bytes.Equal(again.Config, tr.Config) {
			t.Errorf("%q %q: got %+v, then %+v and error %v", rtpmap, parameters, tr, again, err)
		}
	})
}

// BenchmarkPayloads cuts the frames of a stream of 6 Mbit/s at 30 a second.
func BenchmarkPayloads(b *testing.B) {
	for _, c := range []media.Codec{media.H264, media.AV1} {
		frame := binary.BigEndian.AppendUint32(nil, 25000)
		frame = append(append(frame, 0x41), body(24999)...)
		if c == media.AV1 {
			frame = append([]byte{0x32, 0xa8, 0xc3, 0x01}, body(25000)...)
		}
		for name, most := range map[string]int{"datagram": DatagramPayload, "interleaved": InterleavedPayload} {
			b.Run(c.String()+" "+name, func(b *testing.B) {
				p := packetizer(b, track(b, c), most)
				b.ReportAllocs()
				b.SetBytes(int64(len(frame)))
				for b.Loop() {
					if _, err := p.Payloads(false, frame); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
