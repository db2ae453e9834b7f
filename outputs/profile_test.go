package outputs

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

var audio = &media.Track{ID: 2, Codec: media.AAC, ClockRate: 48000}

func TestProfiles(t *testing.T) {
	for _, name := range []string{"tiktok", "talkshoplive", "youtube", "facebook", "instagram", "twitch", "kick", "custom"} {
		t.Run(name, func(t *testing.T) {
			p, ok := ProfileOf(name)
			if !ok || p.Name != name || p.Title == "" || p.Source == "" {
				t.Fatalf("profile %+v", p)
			}
			if social := name != "talkshoplive" && name != "custom"; (p.Overlays == 0) != social {
				t.Errorf("carries overlays as %s", p.Overlays)
			}
			if p.ChunkSize != 0 && p.ChunkSize < 128 || p.Coalesce <= 0 || p.Coalesce > time.Second || p.Patience < 5*time.Second || p.Patience > time.Minute {
				t.Errorf("chunks of %d, collects %s, patience %s", p.ChunkSize, p.Coalesce, p.Patience)
			}
			if !p.Takes(media.H264) || !p.Takes(media.AAC) || p.Takes(media.Overlay) {
				t.Errorf("codecs %v", p.Codecs)
			}
			if beyond := slices.ContainsFunc(p.Codecs, func(c media.Codec) bool { return c != media.H264 && c != media.AAC }); beyond != p.Enhanced {
				t.Errorf("enhanced %t with codecs %v", p.Enhanced, p.Codecs)
			}
			if p.URL != "" {
				if u, err := url.Parse(p.URL); err != nil || u.Scheme != "rtmps" && u.Scheme != "rtmp" || u.Path == "" {
					t.Errorf("URL %q: %v", p.URL, err)
				}
			}
			if l := p.Limits; l.LongSide < l.ShortSide || l.VideoBits < 0 || l.VideoBits > 0 && l.VideoBits < megabit {
				t.Errorf("limits %+v", l)
			}
			if verdict, checks := p.Preflight(good(p.Limits.Orientation)); verdict != OK || len(checks) != 0 {
				t.Errorf("a good stream is %s: %v", verdict, checks)
			}
		})
	}
	if len(profiles) != 8 {
		t.Errorf("%d profiles, want 8", len(profiles))
	}
	if _, ok := ProfileOf("myspace"); ok {
		t.Error("a profile that nobody knows")
	}
	if p, _ := ProfileOf("tiktok"); !strings.Contains(p.Source, "no public document") {
		t.Errorf("tiktok's source %q does not say that nothing is public", p.Source)
	}
}

// good gives what every platform takes.
func good(o Orientation) Facts {
	picture := *video
	picture.Format = media.Format{Width: 1280, Height: 720}
	if o == Portrait {
		picture.Format = media.Format{Width: 720, Height: 1280}
	}
	return Facts{Video: &picture, Audio: audio, FrameRate: 29.97, VideoBits: 3e6, KeyInterval: 2 * time.Second, BFrames: true}
}

func TestPreflight(t *testing.T) {
	sized := func(w, h int) func(*Facts) {
		return func(f *Facts) { f.Video.Format = media.Format{Width: w, Height: h} }
	}
	for name, tt := range map[string]struct {
		platform string
		change   func(*Facts)
		verdict  Verdict
		subject  string
		words    string // OBS's
	}{
		"nothing yet": {"tiktok", func(f *Facts) { *f = Facts{} }, Unknown, "", ""},
		"not measured yet": {"tiktok", func(f *Facts) {
			*f = Facts{Video: &media.Track{Codec: media.H264}, Audio: &media.Track{Codec: media.AAC}}
		}, OK, "", ""},
		"video codec":            {"tiktok", func(f *Facts) { f.Video.Codec = media.HEVC }, Bad, "codec", "Video Encoder"},
		"AV1 at youtube":         {"youtube", func(f *Facts) { f.Video.Codec = media.AV1 }, OK, "", ""},
		"audio codec":            {"tiktok", func(f *Facts) { f.Audio = &media.Track{Codec: media.Opus} }, Bad, "codec", "Audio Encoder"},
		"no picture":             {"tiktok", func(f *Facts) { f.Video = nil }, Warn, "codec", "video source"},
		"no sound":               {"tiktok", func(f *Facts) { f.Audio = nil }, Warn, "audio", "audio source"},
		"sample rate":            {"tiktok", func(f *Facts) { f.Audio = &media.Track{Codec: media.AAC, ClockRate: 32000} }, Warn, "audio", "Sample Rate: 48 kHz"},
		"too wide":               {"twitch", sized(2560, 1440), Warn, "size", "Output (Scaled) Resolution"},
		"too high":               {"twitch", sized(1920, 1200), Warn, "size", "Output (Scaled) Resolution"},
		"portrait, as large":     {"tiktok", sized(1080, 1920), OK, "", ""},
		"landscape at tiktok":    {"tiktok", sized(1920, 1080), Warn, "orientation", "Base (Canvas) Resolution"},
		"portrait at twitch":     {"twitch", sized(1080, 1920), Warn, "orientation", "Base (Canvas) Resolution"},
		"square":                 {"tiktok", sized(1080, 1080), OK, "", ""},
		"any way":                {"custom", sized(100, 3000), OK, "", ""},
		"frame rate":             {"instagram", func(f *Facts) { f.FrameRate = 60 }, Warn, "fps", "Common FPS Values"},
		"frame rate, measured":   {"instagram", func(f *Facts) { f.FrameRate = 30.9 }, OK, "", ""},
		"bitrate":                {"twitch", func(f *Facts) { f.VideoBits = 9e6 }, Warn, "bitrate", "Output > Streaming > Bitrate"},
		"bitrate, overshooting":  {"twitch", func(f *Facts) { f.VideoBits = 6.2e6 }, OK, "", ""},
		"OBS's own key interval": {"twitch", func(f *Facts) { f.KeyInterval = 8333 * time.Millisecond }, Warn, "key_interval", "Keyframe Interval: 2 s"},
		"key interval, late":     {"twitch", func(f *Facts) { f.KeyInterval = 2033 * time.Millisecond }, OK, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := ProfileOf(tt.platform)
			f := good(p.Limits.Orientation)
			tt.change(&f)
			verdict, checks := p.Preflight(f)
			if verdict != tt.verdict {
				t.Fatalf("verdict %s, want %s: %v", verdict, tt.verdict, checks)
			}
			if tt.subject == "" {
				return
			}
			if len(checks) != 1 || checks[0].Subject != tt.subject || checks[0].Verdict != tt.verdict || !strings.Contains(checks[0].Detail, tt.words) {
				t.Errorf("checks %v, want one of %s with %q", checks, tt.subject, tt.words)
			}
		})
	}
	t.Run("B-frames", func(t *testing.T) {
		p := Profile{Title: "X", Codecs: customCodecs, Limits: Limits{NoBFrames: true}}
		if _, checks := p.Preflight(good(AnyOrientation)); len(checks) != 1 || checks[0].Subject != "b_frames" || !strings.Contains(checks[0].Detail, "bframes=0") {
			t.Errorf("checks %v", checks)
		}
	})
	t.Run("the worst counts", func(t *testing.T) {
		p, _ := ProfileOf("tiktok")
		f := Facts{Video: &media.Track{Codec: media.AV1, Format: media.Format{Width: 3840, Height: 2160}}, FrameRate: 120, VideoBits: 1e8, KeyInterval: time.Minute}
		verdict, checks := p.Preflight(f)
		var subjects []string
		for _, c := range checks {
			subjects = append(subjects, c.Subject)
			if !strings.Contains(c.Detail, "OBS") {
				t.Errorf("%s does not say what to do in OBS: %s", c.Subject, c.Detail)
			}
		}
		if want := []string{"codec", "audio", "size", "orientation", "fps", "bitrate", "key_interval"}; verdict != Bad || !slices.Equal(subjects, want) {
			t.Errorf("%s: %v, want fail: %v", verdict, subjects, want)
		}
	})
}

// What a bridge makes fit is told, and is no fault; what it cannot is one.
func TestBridged(t *testing.T) {
	p, _ := ProfileOf("tiktok")
	made := map[media.Codec]media.Codec{media.VP8: media.H264, media.Opus: media.AAC, media.FLAC: media.Opus}
	p.Bridge = func(c media.Codec) (media.Codec, bool) { to, ok := made[c]; return to, ok }
	for name, tt := range map[string]struct {
		video, audio media.Codec
		verdict      Verdict
		words        []string
	}{
		"nothing to do":      {media.H264, media.AAC, OK, nil},
		"both":               {media.VP8, media.Opus, OK, []string{"VP8 is turned into H.264 by a bridge", "Opus is turned into AAC by a bridge"}},
		"what is not made":   {media.HEVC, media.Opus, Bad, []string{"TikTok LIVE does not take hevc", "Opus is turned into AAC"}},
		"made, in no use":    {media.H264, media.FLAC, Bad, []string{"does not take flac sound"}},
		"not made of itself": {media.H264, media.MP3, Bad, []string{"does not take mp3 sound"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := good(Portrait)
			f.Video.Codec = tt.video
			f.Audio = &media.Track{Codec: tt.audio, ClockRate: 48000}
			verdict, checks := p.Preflight(f)
			if verdict != tt.verdict || len(checks) != len(tt.words) {
				t.Fatalf("%s %v, want %s %q", verdict, checks, tt.verdict, tt.words)
			}
			for i, c := range checks {
				if c.Subject != "codec" || !strings.Contains(c.Detail, tt.words[i]) {
					t.Errorf("check %+v, want %q", c, tt.words[i])
				}
			}
			if _, bad := p.Refused([]*media.Track{f.Video, f.Audio}); bad != (tt.verdict == Bad) {
				t.Errorf("refused: %t", bad)
			}
		})
	}
	custom, _ := ProfileOf("custom")
	if plain := custom.WithoutFourCC(); plain.Takes(media.HEVC) || plain.Takes(media.Opus) || !plain.Takes(media.MP3) || plain.Enhanced || !custom.Takes(media.HEVC) {
		t.Errorf("without FourCC: %v", plain.Codecs)
	}
}

func TestRefused(t *testing.T) {
	p, _ := ProfileOf("tiktok")
	opus, overlay := &media.Track{Codec: media.Opus}, &media.Track{Codec: media.Overlay}
	for name, tt := range map[string]struct {
		tracks []*media.Track
		bad    bool
	}{
		"no tracks": {nil, false}, "good ones": {[]*media.Track{video, audio, overlay, {Codec: media.Metadata}}, false},
		"sound it lacks": {[]*media.Track{video, opus}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c, bad := p.Refused(tt.tracks); bad != tt.bad || bad && (c.Subject != "codec" || !strings.Contains(c.Detail, "opus")) {
				t.Errorf("%t %+v, want %t", bad, c, tt.bad)
			}
		})
	}
}
