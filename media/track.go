package media

// Codec names how a track's frames are coded. The set is closed.
type Codec uint8

// The codecs that a track may have.
const (
	Unknown  Codec = iota
	H264           // ISO/IEC 14496-10; Data is NAL units, each behind its 4-byte length
	HEVC           // ISO/IEC 23008-2; Data is NAL units, each behind its 4-byte length
	AV1            // Data is OBUs in the low-overhead format, without temporal delimiters
	VP8            // Data is the frame
	VP9            // Data is the frame (or superframe)
	AAC            // ISO/IEC 14496-3; Data is one raw frame, without ADTS
	Opus           // RFC 6716; Data is one packet
	FLAC           // Data is one frame
	MP3            // ISO/IEC 11172-3, 13818-3; Data is one frame with its header
	Overlay        // Data is one whole neutral overlay state
	Metadata       // no frames: Config is what the publisher says of itself, an AMF0 ECMA array (onMetaData)
	Data           // a data message of the publisher beside the media: Data is AMF0, its name first
)

var codecNames = [...]string{
	Unknown: "unknown", H264: "h264", HEVC: "hevc", AV1: "av1", VP8: "vp8", VP9: "vp9",
	AAC: "aac", Opus: "opus", FLAC: "flac", MP3: "mp3", Overlay: "overlay", Metadata: "metadata", Data: "data",
}

// String gives the name used in logs, metrics and the API.
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return codecNames[Unknown]
}

// IsVideo says whether frames of c are pictures.
func (c Codec) IsVideo() bool { return c >= H264 && c <= VP9 }

// IsAudio says whether frames of c are sound.
func (c Codec) IsAudio() bool { return c >= AAC && c <= MP3 }

// Track describes one run of frames with the same coding. It is immutable once a frame refers to it: a new codec
// configuration in the middle of a session is a new *Track with the same ID, so comparing pointers tells of a change.
type Track struct {
	ID        uint8  // unique among a stream's tracks at one time
	Codec     Codec  //
	ClockRate int    // hertz: 90000 for video, the sampling rate for audio, 0 where it has no clock
	Config    []byte // the decoder configuration in its MP4 form: avcC, hvcC, av1C, vpcC, AudioSpecificConfig, dOps, STREAMINFO; nil where the codec has none
	Format    Format // what Config says, read once by the ingest
}

// Format is what a track's configuration tells of pictures or sound. Zero means not told.
type Format struct {
	Profile   string  // as people write it: "High", "Main 10", "AAC-LC"
	Level     string  // "3.1"; empty for audio
	Width     int     // pixels, after cropping
	Height    int     // pixels, after cropping
	FrameRate float64 // pictures a second, from the stream's own timing information
	Reorder   int     // pictures that may be held back for reordering; -1 where the stream does not say; above 0 means B-frames
	Channels  int     // audio channels
}
