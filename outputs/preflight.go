package outputs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Facts is what a stream is like, as measured at the ingest. Zero means not known yet.
type Facts struct {
	Video       *media.Track // nil: none
	Audio       *media.Track // nil: none
	FrameRate   float64      // frames a second
	VideoBits   float64      // bits a second
	KeyInterval time.Duration
	BFrames     bool
}

// Verdict is what a profile says of a stream, or of one side of it. The set is closed; a higher one is worse.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // no media yet
	OK
	Warn // it may look bad, or be refused
	Bad
)

// String gives the name used in the API and in metrics.
func (v Verdict) String() string { return [...]string{"unknown", "ok", "warn", "fail"}[v] }

// Check is one thing that a platform wants otherwise.
type Check struct {
	Subject string // codec, size, orientation, fps, bitrate, key_interval, b_frames, audio
	Verdict Verdict
	Detail  string // what is wrong, and OBS's setting that mends it
}

// WithoutBFrames is how OBS is told to send none, in the words of its settings: those of its encoders differ.
const WithoutBFrames = "in OBS, Settings > Output > Output Mode: Advanced > Streaming > Encoder Settings, for x264 \"x264 Options (separated by space)\": bframes=0, " +
	"for NVIDIA and AMD \"Max B-frames\" (since OBS 31 \"B-Frames\"): 0, for QuickSync \"B Frames\": 0, for Apple \"Use B-Frames\": off"

const (
	rateRoom     = 1.05                   // encoders overshoot
	intervalRoom = 300 * time.Millisecond // and key frames come a little late
)

// Preflight compares a stream with the profile: the worst verdict, and a check for each thing that is not as it should be, or is made so by
// a bridge.
func (p *Profile) Preflight(f Facts) (Verdict, []Check) {
	if f.Video == nil && f.Audio == nil {
		return Unknown, nil
	}
	var found []Check
	for _, check := range []func(Facts) (Check, bool){
		p.checkVideoCodec, p.checkAudio, p.checkSize, p.checkOrientation, p.checkFrameRate, p.checkBitrate, p.checkKeyInterval, p.checkBFrames,
	} {
		if c, tell := check(f); tell {
			found = append(found, c)
		}
	}
	worst := OK
	for _, c := range found {
		worst = max(worst, c.Verdict)
	}
	return worst, found
}

// Refused gives the check for a codec that the platform cannot take at all, before anything is dialled.
func (p *Profile) Refused(tracks []*media.Track) (Check, bool) {
	for _, t := range tracks {
		if !t.Codec.IsVideo() && !t.Codec.IsAudio() || p.Takes(t.Codec) {
			continue
		}
		if _, made := p.bridged(t.Codec); !made {
			return p.codecCheck(t), true
		}
	}
	return Check{}, false
}

// codecCheck is the check of a codec that the platform does not take itself.
func (p *Profile) codecCheck(t *media.Track) Check {
	if to, made := p.bridged(t.Codec); made {
		return Check{"codec", OK, fmt.Sprintf("%s is turned into %s by a bridge", title(t.Codec), title(to))}
	}
	c := Check{Subject: "codec", Verdict: Bad}
	if t.Codec.IsAudio() {
		c.Detail = fmt.Sprintf("%s does not take %s sound: in OBS, Settings > Output > Streaming > Audio Encoder: AAC", p.Title, t.Codec)
	} else {
		c.Detail = fmt.Sprintf("%s does not take %s: in OBS, Settings > Output > Streaming > Video Encoder: x264 or another H.264 encoder", p.Title, t.Codec)
	}
	return c
}

// title gives a codec's name as people write it.
func title(c media.Codec) string {
	switch c {
	case media.H264:
		return "H.264"
	case media.Opus:
		return "Opus"
	}
	return strings.ToUpper(c.String())
}

func (p *Profile) checkVideoCodec(f Facts) (Check, bool) {
	if f.Video == nil {
		return Check{"codec", Warn, "no picture: add a video source in OBS"}, true
	}
	return p.codecCheck(f.Video), !p.Takes(f.Video.Codec)
}

func (p *Profile) checkAudio(f Facts) (Check, bool) {
	if f.Audio == nil {
		return Check{"audio", Warn, "no sound: most platforms refuse or hide a silent stream; add an audio source in OBS"}, true
	}
	if !p.Takes(f.Audio.Codec) {
		return p.codecCheck(f.Audio), true
	}
	rates := p.Limits.SampleRates
	bad := len(rates) > 0 && f.Audio.ClockRate > 0 && !slices.Contains(rates, f.Audio.ClockRate)
	return Check{"audio", Warn, fmt.Sprintf("sound has %d Hz, %s wants 44100 or 48000: in OBS, Settings > Audio > Sample Rate: 48 kHz", f.Audio.ClockRate, p.Title)}, bad
}

// sides gives the picture's longer and shorter side, 0 where not known.
func (f Facts) sides() (long, short int) {
	if f.Video == nil {
		return 0, 0
	}
	w, h := f.Video.Format.Width, f.Video.Format.Height
	return max(w, h), min(w, h)
}

func (p *Profile) checkSize(f Facts) (Check, bool) {
	long, short := f.sides()
	l := p.Limits
	bad := l.LongSide > 0 && (long > l.LongSide || short > l.ShortSide)
	return Check{"size", Warn, fmt.Sprintf("the picture is larger than the %dx%d that %s takes: in OBS, Settings > Video > Output (Scaled) Resolution", l.LongSide, l.ShortSide, p.Title)}, bad
}

func (p *Profile) checkOrientation(f Facts) (Check, bool) {
	if f.Video == nil || f.Video.Format.Width == f.Video.Format.Height { // not known, or square
		return Check{}, false
	}
	is := Landscape
	if f.Video.Format.Height > f.Video.Format.Width {
		is = Portrait
	}
	want := p.Limits.Orientation
	return Check{"orientation", Warn, fmt.Sprintf("the picture is %s, %s shows %s: in OBS, Settings > Video > Base (Canvas) Resolution, such as 1080x1920 for portrait", is, p.Title, want)},
		want != AnyOrientation && is != want
}

func (p *Profile) checkFrameRate(f Facts) (Check, bool) {
	most := p.Limits.FrameRate
	return Check{"fps", Warn, fmt.Sprintf("%.0f frames a second, %s takes up to %.0f: in OBS, Settings > Video > Common FPS Values", f.FrameRate, p.Title, most)},
		most > 0 && f.FrameRate > most*rateRoom
}

func (p *Profile) checkBitrate(f Facts) (Check, bool) {
	most := p.Limits.VideoBits
	return Check{"bitrate", Warn, fmt.Sprintf("%.0f kbit/s of video, %s takes up to %.0f: in OBS, Settings > Output > Streaming > Bitrate", f.VideoBits/1000, p.Title, most/1000)},
		most > 0 && f.VideoBits > most*rateRoom
}

func (p *Profile) checkKeyInterval(f Facts) (Check, bool) {
	most := p.Limits.KeyInterval
	return Check{"key_interval", Warn, fmt.Sprintf("a key frame each %.1f s, %s wants one each %.0f s or sooner: in OBS, Settings > Output > Streaming > Keyframe Interval: %.0f s",
		f.KeyInterval.Seconds(), p.Title, most.Seconds(), min(most, 2*time.Second).Seconds())}, most > 0 && f.KeyInterval > most+intervalRoom
}

func (p *Profile) checkBFrames(f Facts) (Check, bool) {
	return Check{"b_frames", Warn, fmt.Sprintf("%s does not show B-frames well: %s", p.Title, WithoutBFrames)},
		p.Limits.NoBFrames && f.BFrames
}
