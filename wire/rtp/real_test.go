package rtp

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/rtp/codecs"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/sei"
)

// recorded reads the packets of a real sender, see testdata/README.md.
func recorded(t testing.TB, name string) (packets []Packet) {
	t.Helper()
	b := file(t, "testdata/ffmpeg-"+name+".rtp")
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint16(b))
		p, err := ParsePacket(b[2 : 2+n])
		if err != nil {
			t.Fatal(err)
		}
		packets, b = append(packets, p), b[2+n:]
	}
	return packets
}

func file(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// described reads the track of a session description with one.
func described(t testing.TB, name string) *media.Track {
	t.Helper()
	var m Mapping
	for line := range strings.Lines(string(file(t, "testdata/ffmpeg-"+name+".sdp"))) {
		line = strings.TrimSpace(line)
		if s, found := strings.CutPrefix(line, "a=rtpmap:"); found {
			var err error
			if m, err = ParseRTPMap(s[3:]); err != nil {
				t.Fatal(err)
			}
		}
		if s, found := strings.CutPrefix(line, "a=fmtp:"); found {
			m.Parameters = s[3:]
		}
	}
	tr, err := m.Track(1)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// listed is a line of ffmpeg's framehash.
type listed struct {
	at   media.Time
	size int
	md5  string
}

func listing(t testing.TB, name string) (all []listed) {
	t.Helper()
	rate := 0
	for line := range strings.Lines(string(file(t, "testdata/ffmpeg-"+name+".frames"))) {
		line = strings.TrimSpace(line)
		if s, found := strings.CutPrefix(line, "#tb 0: 1/"); found {
			rate, _ = strconv.Atoi(s)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.ReplaceAll(line, " ", ""), ",")
		pts, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := strconv.Atoi(fields[4])
		all = append(all, listed{media.FromTicks(pts, rate), size, fields[5]})
	}
	return all
}

// Packets of a real sender give the frames that it sent, at their times.
func TestRealSender(t *testing.T) {
	for _, name := range []string{"h264", "hevc", "vp8", "vp9", "aac", "opus"} {
		t.Run(name, func(t *testing.T) {
			tr, want, packets := described(t, name), listing(t, name), recorded(t, name)
			d := depacketizer(t, tr)
			frames := push(t, d, packets...)
			if len(frames) != len(want) || d.Lost() != 0 {
				t.Fatalf("got %d frames, want %d; lost %d", len(frames), len(want), d.Lost())
			}
			timeline := Timeline{Rate: tr.ClockRate, Base: frames[0].Timestamp}
			for i, f := range frames {
				sum := md5.Sum(f.Data)
				if got := hex.EncodeToString(sum[:]); got != want[i].md5 || len(f.Data) != want[i].size || f.Gap {
					t.Errorf("frame %d: got %s of %d bytes, want %s of %d", i, got, len(f.Data), want[i].md5, want[i].size)
				}
				at := want[i].at - want[0].at
				if got := timeline.Time(f.Timestamp); got < at-media.Millisecond || got > at+media.Millisecond {
					t.Errorf("frame %d: got %v, want %v", i, got, at)
				}
			}
			if tr.Codec.IsVideo() && tr.Codec != media.VP8 && tr.Config == nil {
				t.Error("the session description gave no configuration")
			}
		})
	}
}

// theirs are pion's readers.
func theirs(t testing.TB, c media.Codec) func(payload []byte) []byte {
	t.Helper()
	var d interface {
		Unmarshal(payload []byte) ([]byte, error)
	}
	switch c {
	case media.H264:
		d = &codecs.H264Packet{IsAVC: true}
	case media.HEVC:
		d = &codecs.H265Depacketizer{}
	case media.AV1:
		d = &codecs.AV1Depacketizer{}
	case media.VP8:
		d = &codecs.VP8Packet{}
	case media.VP9:
		d = &codecs.VP9Packet{}
	case media.Opus:
		d = &codecs.OpusPacket{}
	default:
		t.Fatalf("pion has no reader of %s", c)
	}
	return func(payload []byte) []byte {
		data, err := d.Unmarshal(payload)
		if err != nil {
			t.Fatalf("pion: %x: %v", payload, err)
		}
		return data
	}
}

// annexB gives NAL units behind start codes, as pion has those of HEVC.
func annexB(t testing.TB, data []byte) (out []byte) {
	t.Helper()
	for unit, err := range nal.Units(data) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, 0, 0, 0, 1), unit...)
	}
	return out
}

// pictures are the access units of wire/sei's golden files, with an overlay state in each.
func pictures(t testing.TB, c media.Codec) (units [][]byte) {
	t.Helper()
	switch c {
	case media.H264:
		for r := flv.NewReader(bytes.NewReader(file(t, "../sei/testdata/overlays.flv"))); ; {
			tag, err := r.Next()
			if errors.Is(err, io.EOF) {
				return units
			}
			if err != nil {
				t.Fatal(err)
			}
			if tag.Type != flv.TagVideo {
				continue
			}
			videos, err := flv.ParseVideo(tag.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			if videos[0].Kind == flv.Coded {
				units = append(units, videos[0].Body)
			}
		}
	case media.HEVC:
		for _, unit := range bytes.Split(file(t, "../sei/testdata/overlays.hevc"), []byte{0, 0, 1})[1:] {
			unit = bytes.TrimRight(unit, "\x00")
			if hevc.TypeOf(unit) == hevc.Delimiter {
				units = append(units, nil)
			}
			last := &units[len(units)-1]
			*last = append(binary.BigEndian.AppendUint32(*last, uint32(len(unit))), unit...)
		}
	case media.AV1:
		ivf := file(t, "../sei/testdata/overlays.ivf")
		for at := 32; at < len(ivf); {
			size := int(binary.LittleEndian.Uint32(ivf[at:]))
			unit, err := av1.WithoutTemporalDelimiters(ivf[at+12 : at+12+size])
			if err != nil {
				t.Fatal(err)
			}
			units = append(units, unit)
			at += 12 + size
		}
	}
	return units
}

// Real pictures with an overlay state in between, cut into payloads of any size, are read by us and by pion as they were.
func TestRealPictures(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.HEVC, media.AV1} {
		for _, most := range []int{64, 65, 100, 200, 1200, InterleavedPayload} {
			t.Run(c.String()+" "+strconv.Itoa(most), func(t *testing.T) {
				tr := bare(t, c)
				l := link{p: packetizer(t, tr, most)}
				d, other := depacketizer(t, tr), theirs(t, c)
				for i, picture := range pictures(t, c) {
					at, err := sei.Place(c, picture)
					if err != nil {
						t.Fatal(err)
					}
					own, err := sei.Append(nil, c, bytes.Repeat([]byte("state "), 60))
					if err != nil {
						t.Fatal(err)
					}
					want := append(append(bytes.Clone(picture[:at]), own...), picture[at:]...)
					packets := l.packets(t, uint32(i*3000), i == 0, picture[:at], own, picture[at:])
					var read []byte
					for _, p := range packets {
						if len(p.Payload) > most {
							t.Errorf("a payload of %d bytes", len(p.Payload))
						}
						read = append(read, other(p.Payload)...)
					}
					same(t, push(t, d, packets...), want)
					if c == media.HEVC {
						want = annexB(t, want)
					}
					if !bytes.Equal(read, want) {
						t.Errorf("picture %d: pion reads %d bytes, want %d", i, len(read), len(want))
					}
				}
			})
		}
	}
}

// What pion writes, we read.
func TestTheirPayloads(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codec media.Codec
		p     interface {
			Payload(mtu uint16, payload []byte) [][]byte
		}
		delimiters bool // it leaves out delimiters
	}{
		{"H.264", media.H264, &codecs.H264Payloader{}, true},
		{"H.265", media.HEVC, &codecs.H265Payloader{SkipAggregation: true}, false},
		{"H.265 with aggregates", media.HEVC, &codecs.H265Payloader{}, true},
		{"AV1", media.AV1, &codecs.AV1Payloader{}, false},
	} {
		for _, mtu := range []uint16{64, 100, 1200} {
			t.Run(tt.name+" "+strconv.Itoa(int(mtu)), func(t *testing.T) {
				d := depacketizer(t, bare(t, tt.codec))
				sequence := uint16(0)
				for i, picture := range pictures(t, tt.codec) {
					input, want := picture, picture
					if tt.codec != media.AV1 {
						input = annexB(t, picture)
					}
					if tt.delimiters {
						want = withoutDelimiter(t, tt.codec, picture)
					}
					payloads := tt.p.Payload(mtu, input)
					var frames []Frame
					for n, payload := range payloads {
						p := Packet{Header: Header{Sequence: sequence, Timestamp: uint32(i * 3000), Marker: n == len(payloads)-1}, Payload: payload}
						sequence++
						frames = append(frames, push(t, d, p)...)
					}
					same(t, frames, want)
				}
			})
		}
	}
}

// withoutDelimiter leaves out what pion leaves out.
func withoutDelimiter(t testing.TB, c media.Codec, data []byte) (out []byte) {
	t.Helper()
	for unit, err := range nal.Units(data) {
		if err != nil {
			t.Fatal(err)
		}
		if kind, _ := unitKind(c, unit); !isDelimiter(c, kind) {
			out = append(out, units(unit)...)
		}
	}
	return out
}
