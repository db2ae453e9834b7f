package transcode

import (
	"fmt"
	"strconv"

	"github.com/simulcart/simulcart/media"
)

// What the children code with.
const (
	soundRate     = 48000 // hertz
	opusPerSecond = 64000 // bits a second and channel
	aacPerSecond  = 80000 // bits a second and channel
	opusFrame     = 20    // ms

	usualRate = 30.0 // pictures a second where the stream does not say

	leastBits   = 600_000   // bits a second of pictures at most, for small ones
	mostBits    = 8_000_000 // for large ones
	unknownBits = 4_000_000 // where their size is not known
	pixelBits   = 0.1       // for those between, per pixel
)

// always is how each child is called. It reads and writes its pipes only, and finds out nothing by reading ahead: the header tells all.
// (+nobuffer would drop the frames that were read to find out.)
var always = []string{
	"-hide_banner", "-nostdin", "-loglevel", "error",
	"-protocol_whitelist", "pipe", "-probesize", "32", "-analyzeduration", "1", "-fpsprobesize", "0",
}

// written is how each child writes: each frame in a cluster of its own and at once, with the times that it was given.
var written = []string{
	"-avoid_negative_ts", "disabled", "-f", "matroska", "-live", "1", "-cluster_time_limit", "0", "-flush_packets", "1", "pipe:1",
}

// arguments gives those of the child that converts a track. Pictures before from, in the child's time, are decoded and not coded.
func (c conversion) arguments(t *media.Track, from media.Time) []string {
	args := append([]string(nil), always...)
	if t.Codec.IsVideo() { // threads by slices: those by frames hold pictures back
		args = append(args, "-threads", "2", "-thread_type", "slice")
		if c == toH264 { // what is in order anyway need not wait for what could come
			args = append(args, "-flags", "low_delay")
		}
	} else {
		args = append(args, "-threads", "1")
	}
	args = append(args, "-f", "matroska", "-i", "pipe:0", "-copyts", "-map", "0:0")
	switch c {
	case toOpus:
		n := channels(t)
		args = append(args, "-c:a", "libopus", "-b:a", strconv.Itoa(n*opusPerSecond), "-frame_duration", strconv.Itoa(opusFrame))
		args = append(args, "-ar", strconv.Itoa(soundRate), "-ac", strconv.Itoa(n))
	case toAAC:
		n := channels(t)
		args = append(args, "-c:a", "aac", "-b:a", strconv.Itoa(n*aacPerSecond))
		args = append(args, "-ar", strconv.Itoa(soundRate), "-ac", strconv.Itoa(n))
	default:
		args = append(args, pictures(t.Format, from)...)
	}
	return append(args, written...)
}

// pictures gives the arguments for H.264: a key frame where the source has one and at the start, at their own times. Sizes become even.
func pictures(f media.Format, from media.Time) []string {
	filter := "scale=trunc(iw/2)*2:trunc(ih/2)*2"
	if from > 0 {
		filter = fmt.Sprintf("select=gte(t\\,%.6f),%s", (from - tolerance/2).Duration().Seconds(), filter)
	}
	rate := strconv.Itoa(bitsFor(f))
	return []string{
		"-vf", filter, "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high", "-threads", "2",
		"-bf", "0", "-g", "100000", "-sc_threshold", "0", "-forced-idr", "1", "-force_key_frames", "source",
		"-crf", "22", "-maxrate", rate, "-bufsize", rate,
		"-fps_mode", "passthrough", "-enc_time_base", "-1",
	}
}

// bitsFor gives the most bits a second for pictures of a format.
func bitsFor(f media.Format) int {
	if f.Width <= 0 || f.Height <= 0 {
		return unknownBits
	}
	return int(min(max(pixelBits*float64(f.Width)*float64(f.Height)*frameRate(f), leastBits), mostBits))
}

// frameRate gives the pictures a second, or what is usual.
func frameRate(f media.Format) float64 {
	if f.FrameRate >= 1 && f.FrameRate <= 240 {
		return f.FrameRate
	}
	return usualRate
}

// channels gives how many the sound is coded with: one or two.
func channels(t *media.Track) int {
	if t.Format.Channels == 1 {
		return 1
	}
	return 2
}
