// Package flac reads and writes FLAC's STREAMINFO and reads how many samples a frame holds (RFC 9639).
package flac

import (
	"bytes"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
)

const (
	magic    = "fLaC"
	infoSize = 34
)

// Info is STREAMINFO, RFC 9639 §8.2:
//
//	minimum and maximum block size   16, 16 bits
//	minimum and maximum frame size   24, 24
//	sample rate                      20
//	channels less 1                   3
//	bits of a sample less 1           5
//	samples in all                   36
//	MD5 of the samples              128
type Info struct {
	MinBlock   uint16   // samples of a frame and channel, 16 to 65535
	MaxBlock   uint16   // samples of a frame and channel, 16 to 65535
	MinFrame   uint32   // bytes, 24 bits; 0 means not known
	MaxFrame   uint32   // bytes, 24 bits; 0 means not known
	Rate       int      // hertz, 1 to 1048575
	Channels   int      // 1 to 8
	SampleBits int      // bits of a sample, 4 to 32
	Samples    uint64   // of each channel, 36 bits; 0 means not known, as in a live stream
	MD5        [16]byte // zeros mean not known
}

// ParseConfig reads STREAMINFO: alone, behind its block header, or behind "fLaC" and its block header, as Enhanced RTMP
// sends it. Blocks behind it are ignored. Errors are [*wire.SyntaxError].
func ParseConfig(b []byte) (Info, error) {
	at := 0
	if bytes.HasPrefix(b, []byte(magic)) {
		at = len(magic)
	}
	// A block header is: last 1 bit, type 7 bits (0 for STREAMINFO), length 24 bits.
	if at > 0 || len(b) >= 4+infoSize {
		if len(b)-at < 4 || b[at]&127 != 0 || b[at+1] != 0 || b[at+2] != 0 || b[at+3] != infoSize {
			return Info{}, &wire.SyntaxError{Format: "flac header", Offset: int64(at), Msg: "no block header of STREAMINFO"}
		}
		at += 4
	}
	if len(b)-at < infoSize {
		return Info{}, &wire.SyntaxError{
			Format: "flac header", Offset: int64(at), Msg: fmt.Sprintf("%d bytes needed, %d there", infoSize, len(b)-at),
		}
	}
	r := bits.NewReader("flac STREAMINFO", b[at:])
	info := Info{
		MinBlock: uint16(r.Bits(16)), MaxBlock: uint16(r.Bits(16)), MinFrame: r.Bits(24), MaxFrame: r.Bits(24),
		Rate: int(r.Bits(20)), Channels: 1 + int(r.Bits(3)), SampleBits: 1 + int(r.Bits(5)),
		Samples: uint64(r.Bits(4))<<32 | uint64(r.Bits(32)),
		MD5:     [16]byte(b[at+18:]),
	}
	if info.Rate == 0 {
		return Info{}, &wire.SyntaxError{Format: "flac header", Offset: int64(at + 10), Msg: "a sample rate of 0"}
	}
	if info.MaxBlock < 16 || info.MinBlock > info.MaxBlock {
		return Info{}, &wire.SyntaxError{
			Format: "flac header", Offset: int64(at), Msg: fmt.Sprintf("blocks of %d to %d samples", info.MinBlock, info.MaxBlock),
		}
	}
	return info, nil
}

// Append writes STREAMINFO alone, 34 bytes, behind dst. Fields are cut to their widths.
func (i Info) Append(dst []byte) []byte {
	var w bits.Writer
	w.Bits(uint32(i.MinBlock), 16)
	w.Bits(uint32(i.MaxBlock), 16)
	w.Bits(i.MinFrame, 24)
	w.Bits(i.MaxFrame, 24)
	w.Bits(uint32(i.Rate), 20)
	w.Bits(uint32(i.Channels-1), 3)
	w.Bits(uint32(i.SampleBits-1), 5)
	w.Bits(uint32(i.Samples>>32), 4)
	w.Bits(uint32(i.Samples), 32)
	return append(append(dst, w.Bytes()...), i.MD5[:]...)
}

// AppendHeader writes "fLaC", a block header that says it is the last, and STREAMINFO behind dst: what Enhanced RTMP sends.
func (i Info) AppendHeader(dst []byte) []byte {
	return i.Append(append(append(dst, magic...), 0x80, 0, 0, infoSize))
}

// Format tells what STREAMINFO, in any form that [ParseConfig] reads, says of the sound.
func Format(config []byte) (media.Format, error) {
	info, err := ParseConfig(config)
	if err != nil {
		return media.Format{}, err
	}
	return info.Format(), nil
}

// Format tells what i says of the sound.
func (i Info) Format() media.Format {
	return media.Format{Profile: fmt.Sprintf("FLAC %d bit", i.SampleBits), Channels: i.Channels}
}

// Samples gives how many samples of each channel a frame holds, 1 to 65536, from its header, RFC 9639 §9.1:
//
//	sync code = 0x3ffe, reserved 0, blocking strategy   14, 1, 1 bits (of 15 and 1 in the RFC)
//	block size, sample rate                              4, 4
//	channels, bits of a sample, reserved 0               4, 3, 1
//	frame or sample number                               8 to 56, coded as UTF-8 does
//	[ block size less 1 ]                                8 or 16, with block size 6 or 7
//
// A header that breaks the format is a [*wire.SyntaxError].
func Samples(frame []byte) (int, error) {
	r := bits.NewReader("flac frame", frame)
	if sync := r.Bits(15); sync != 0x7ffc {
		r.Fail("sync code %04x, not 7ffc", sync)
	}
	r.Skip(1)
	size := int(r.Bits(4))
	r.Skip(4 + 4 + 3 + 1)
	skipNumber(r)
	n := 0
	switch {
	case size == 0:
		r.Fail("block size code 0 is reserved")
	case size == 1:
		n = 192
	case size <= 5:
		n = 144 << size
	case size == 6:
		n = 1 + int(r.Bits(8))
	case size == 7:
		n = 1 + int(r.Bits(16))
	default:
		n = 1 << size
	}
	if err := r.Err(); err != nil {
		return 0, err
	}
	return n, nil
}

// skipNumber passes over the coded number: as many leading ones as it has bytes, or none for one byte; 1 and 8 ones are
// no code.
func skipNumber(r *bits.Reader) {
	first := byte(r.Bits(8))
	ones := 0
	for first&0x80 != 0 {
		ones++
		first <<= 1
	}
	if ones == 1 || ones == 8 {
		r.Fail("a coded number of %d leading ones", ones)
	}
	r.Skip(8 * max(ones-1, 0))
}
