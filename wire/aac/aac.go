// Package aac reads and writes the AudioSpecificConfig of AAC.
package aac

import (
	"fmt"
	"slices"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/bits"
)

// ObjectType is audioObjectType, ISO/IEC 14496-3 table 1.17. The set is closed: objects that simulcart does not do have
// no name.
type ObjectType uint8

// The object types that simulcart does: those of raw AAC frames.
const (
	Main ObjectType = 1
	LC   ObjectType = 2 // low complexity: what all encoders send
	SSR  ObjectType = 3 // scalable sampling rate
	LTP  ObjectType = 4 // long-term prediction
)

// The object types that only announce an extension of another.
const (
	objectSBR ObjectType = 5
	objectPS  ObjectType = 29
)

// String gives the name as people write it, such as "AAC-LC".
func (t ObjectType) String() string {
	switch t {
	case Main:
		return "AAC-Main"
	case LC:
		return "AAC-LC"
	case SSR:
		return "AAC-SSR"
	case LTP:
		return "AAC-LTP"
	}
	return fmt.Sprintf("object type %d", uint8(t))
}

// Presence says what a configuration tells of an extension.
type Presence uint8

// What can be told. A decoder may find an extension in the frames where nothing is told of it.
const (
	NotTold Presence = iota
	Absent
	Present
)

var presenceNames = [...]string{NotTold: "not told", Absent: "absent", Present: "present"}

// String gives the words of the constants.
func (p Presence) String() string { return presenceNames[min(int(p), len(presenceNames)-1)] }

// Config is the AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1, for GASpecificConfig (§4.4.1):
//
//	audioObjectType             5 bits; 31 and 6 more bits for 32 and above
//	samplingFrequencyIndex      4; 15 and the rate in 24 bits
//	channelConfiguration        4
//	frameLengthFlag             1
//	dependsOnCoreCoder          1
//	extensionFlag               1
//	[ program_config_element ]     with channelConfiguration 0
//
// SBR and PS are told in front, by an object type of 5 or 29 with the higher rate and the real object type behind
// channelConfiguration, or behind all of it, where old decoders do not look:
//
//	syncExtensionType = 0x2b7  11
//	audioObjectType = 5         5
//	sbrPresentFlag              1
//	[ samplingFrequencyIndex ]  4, as above, with SBR
//	[ syncExtensionType 0x548, psPresentFlag ]  11, 1
type Config struct {
	Object        ObjectType
	Rate          int      // hertz, of the core: half of what is heard where SBR is present
	ChannelConfig uint8    // channelConfiguration; 0 means that a program_config_element lists the channels
	Channels      int      // of the core; mono with PS is heard as stereo. Append ignores it
	FrameLength   int      // samples of the core in each frame and channel, 1024 or 960
	SBR           Presence // spectral band replication: HE-AAC
	SBRRate       int      // hertz, of what is heard; 0 where SBR is not present
	PS            Presence // parametric stereo: HE-AACv2
	InFront       bool     // SBR is told in front of the object type, not behind
}

var rates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// ParseConfig reads an AudioSpecificConfig. Bytes behind it are ignored. Errors are [*wire.SyntaxError] where it breaks the format,
// [*wire.UnsupportedError] for object types other than those named here.
func ParseConfig(b []byte) (Config, error) {
	r := bits.NewReader("aac config", b)
	c := Config{Object: readObject(r), Rate: readRate(r), ChannelConfig: uint8(r.Bits(4))}
	if c.Object == objectSBR || c.Object == objectPS {
		c.InFront, c.SBR = true, Present
		if c.Object == objectPS {
			c.PS = Present
		}
		c.SBRRate = readRate(r)
		c.Object = readObject(r)
	}
	if r.Err() == nil && (c.Object < Main || c.Object > LTP) {
		r.Refuse(c.Object.String() + ", use AAC-LC")
	}
	c.FrameLength = 1024
	if r.Flag() { // frameLengthFlag
		c.FrameLength = 960
	}
	if r.Flag() { // dependsOnCoreCoder
		r.Refuse("AAC that depends on a core coder, use AAC-LC")
	}
	r.Skip(1) // extensionFlag, 0 for these object types
	c.Channels = readChannels(r, c.ChannelConfig)
	if !c.InFront && r.Err() == nil {
		c.readTail(r)
	}
	if err := r.Err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Append writes the AudioSpecificConfig behind dst. Errors are [*wire.UnsupportedError] for what has no place in it: channels
// listed one by one, PS without SBR, SBR in front that is not present, unknown object types and frame lengths.
func (c Config) Append(dst []byte) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var w bits.Writer
	front := c.Object
	if c.InFront {
		front = objectSBR
		if c.PS == Present {
			front = objectPS
		}
	}
	w.Bits(uint32(front), 5)
	writeRate(&w, c.Rate)
	w.Bits(uint32(c.ChannelConfig), 4)
	if c.InFront {
		writeRate(&w, c.SBRRate)
		w.Bits(uint32(c.Object), 5)
	}
	w.Flag(c.FrameLength == 960)
	w.Bits(0, 2) // dependsOnCoreCoder, extensionFlag
	if !c.InFront && c.SBR != NotTold {
		w.Bits(syncSBR, 11)
		w.Bits(uint32(objectSBR), 5)
		w.Flag(c.SBR == Present)
		if c.SBR == Present {
			writeRate(&w, c.SBRRate)
		}
		if c.PS != NotTold {
			w.Bits(syncPS, 11)
			w.Flag(c.PS == Present)
		}
	}
	return append(dst, w.Bytes()...), nil
}

// Profile gives the coding as people write it: "AAC-LC", "HE-AAC", "HE-AACv2".
func (c Config) Profile() string {
	switch {
	case c.PS == Present:
		return "HE-AACv2"
	case c.SBR == Present:
		return "HE-AAC"
	}
	return c.Object.String()
}

// Format tells what a configuration says of the sound. Errors are those of [ParseConfig].
func Format(config []byte) (media.Format, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return media.Format{}, err
	}
	return c.Format(), nil
}

// Format tells what c says of the sound, with the channels that are heard.
func (c Config) Format() media.Format {
	f := media.Format{Profile: c.Profile(), Channels: c.Channels}
	if c.PS == Present && c.Channels == 1 {
		f.Channels = 2
	}
	return f
}

func (c Config) check() error {
	var msg string
	switch {
	case c.Object < Main || c.Object > LTP:
		msg = c.Object.String()
	case c.Rate <= 0 || c.Rate >= 1<<24:
		msg = fmt.Sprintf("a rate of %d hertz", c.Rate)
	case c.ChannelConfig == 0 || channelsOf(c.ChannelConfig) == 0:
		msg = fmt.Sprintf("channel configuration %d", c.ChannelConfig)
	case c.FrameLength != 1024 && c.FrameLength != 960:
		msg = fmt.Sprintf("frames of %d samples", c.FrameLength)
	case c.InFront && c.SBR != Present, c.PS != NotTold && c.SBR != Present, c.InFront && c.PS == Absent:
		msg = fmt.Sprintf("SBR %s with PS %s", c.SBR, c.PS)
	case c.SBR == Present && (c.SBRRate <= 0 || c.SBRRate >= 1<<24):
		msg = fmt.Sprintf("an SBR rate of %d hertz", c.SBRRate)
	default:
		return nil
	}
	return &wire.UnsupportedError{Format: "aac config", Msg: msg}
}

const (
	syncSBR = 0x2b7
	syncPS  = 0x548
)

// readTail reads what is told behind the configuration proper. What is no extension there is ignored, as decoders do.
func (c *Config) readTail(r *bits.Reader) {
	if r.Left() < 17 || r.Bits(11) != syncSBR || readObject(r) != objectSBR {
		return
	}
	c.SBR = Absent
	if r.Flag() { // sbrPresentFlag
		c.SBR = Present
		c.SBRRate = readRate(r)
		if r.Left() >= 12 && r.Bits(11) == syncPS {
			c.PS = Absent
			if r.Flag() { // psPresentFlag
				c.PS = Present
			}
		}
	}
}

// readObject reads GetAudioObjectType, §1.6.2.1.
func readObject(r *bits.Reader) ObjectType {
	t := r.Bits(5)
	if t == 31 {
		t = 32 + r.Bits(6)
	}
	return ObjectType(t)
}

func readRate(r *bits.Reader) int {
	index := int(r.Bits(4))
	rate := 0
	switch {
	case index < len(rates):
		rate = rates[index]
	case index == 15:
		rate = int(r.Bits(24))
	}
	if rate == 0 {
		r.Fail("sampling frequency index %d gives no rate", index)
	}
	return rate
}

func writeRate(w *bits.Writer, rate int) {
	if index := slices.Index(rates[:], rate); index >= 0 {
		w.Bits(uint32(index), 4)
		return
	}
	w.Bits(15, 4)
	w.Bits(uint32(rate), 24)
}

// channelsOf gives the channels of a channelConfiguration, table 1.19; 0 where it is reserved.
func channelsOf(config uint8) int {
	switch config {
	case 1, 2, 3, 4, 5, 6:
		return int(config)
	case 7, 12, 14:
		return 8
	case 11:
		return 7
	case 13:
		return 24
	}
	return 0
}

// readChannels counts the channels, in a program_config_element (§4.4.1.1) where the configuration is 0.
func readChannels(r *bits.Reader, config uint8) int {
	if config != 0 {
		n := channelsOf(config)
		if n == 0 {
			r.Fail("channel configuration %d is reserved", config)
		}
		return n
	}
	r.Skip(4 + 2 + 4)                                                     // element_instance_tag, object_type, sampling_frequency_index
	pairable := int(r.Bits(4)) + int(r.Bits(4)) + int(r.Bits(4))          // front, side and back elements
	low, data, coupling := int(r.Bits(2)), int(r.Bits(3)), int(r.Bits(4)) // low-frequency, associated data, coupling
	for _, width := range []int{4, 4, 3} {                                // mono, stereo and matrix mixdown
		if r.Flag() {
			r.Skip(width)
		}
	}
	channels := low
	for range pairable {
		channels++
		if r.Flag() { // is_cpe: a pair
			channels++
		}
		r.Skip(4)
	}
	r.Skip(4*low + 4*data + 5*coupling)
	r.Align()
	r.Skip(8 * int(r.Bits(8))) // comment_field_data
	if channels == 0 {
		r.Fail("a program configuration without channels")
	}
	return channels
}
