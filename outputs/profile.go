package outputs

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

// Profile is what is known of a platform: data, of which the configuration may override form, chunk size, collecting time and
// carriage. Zero means not known or no limit.
type Profile struct {
	Name     string
	Title    string // as the platform writes itself
	URL      string // template of the server URL; "" where the creator is given one for each show
	Source   string // where the limits come from; says so where no public document does
	Codecs   []media.Codec
	Enhanced bool // takes Enhanced RTMP (FourCC) for codecs beyond H.264 and AAC
	Limits   Limits

	ChunkSize int           // of RTMP, bytes; 0: as the server has it
	Coalesce  time.Duration // collecting time of writes
	Patience  time.Duration // how long it may take nothing before we connect anew
	Overlays  Carriage      // carriage by default (OVERLAYS.md §2)

	Bridge Bridge // makes other codecs fit; nil: nothing does. No part of what is known of a platform
}

// Bridge gives what is made of a codec that a platform does not take; false where nothing is.
type Bridge func(media.Codec) (to media.Codec, made bool)

// Limits are what a platform wants of a stream. Zero means not known or no limit.
type Limits struct {
	LongSide    int           // pixels of the longer side, at most
	ShortSide   int           // pixels of the shorter side, at most
	Orientation Orientation   // what the audience sees best
	FrameRate   float64       // frames a second, at most
	VideoBits   float64       // bits a second, at most
	KeyInterval time.Duration // at most
	NoBFrames   bool
	SampleRates []int // hertz; nil means any
}

// Orientation is how a picture is held. The set is closed.
type Orientation uint8

// The orientations.
const (
	AnyOrientation Orientation = iota
	Portrait
	Landscape
)

// String gives the word for people.
func (o Orientation) String() string { return [...]string{"any", "portrait", "landscape"}[o] }

const (
	undocumented  = "no public document; values are what encoders are told in practice"
	megabit       = 1e6
	pushCoalesce  = 100 * time.Millisecond
	pushChunkSize = 4096
)

var (
	legacyCodecs  = []media.Codec{media.H264, media.AAC}
	customCodecs  = []media.Codec{media.H264, media.HEVC, media.AV1, media.VP9, media.AAC, media.Opus, media.FLAC, media.MP3}
	youtubeCodecs = []media.Codec{media.H264, media.HEVC, media.AV1, media.AAC, media.MP3}
)

// profiles is the table of platforms. Where Source says that no public document stands behind a row, the values are
// cautious ones.
var profiles = []Profile{
	{
		Name: "tiktok", Title: "TikTok LIVE", Source: undocumented,
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, Orientation: Portrait, FrameRate: 60, VideoBits: 8 * megabit, KeyInterval: 4 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "talkshoplive", Title: "TalkShopLive", Source: undocumented,
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: CarriesSEI | CarriesAMF,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, FrameRate: 60, VideoBits: 8 * megabit, KeyInterval: 4 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "youtube", Title: "YouTube Live", URL: "rtmps://a.rtmps.youtube.com:443/live2",
		Source: "support.google.com/youtube/answer/2853702 and developers.google.com/youtube/v3/live (encoder settings)",
		Codecs: youtubeCodecs, Enhanced: true, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 3840, ShortSide: 2160, FrameRate: 60, VideoBits: 51 * megabit, KeyInterval: 4 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "facebook", Title: "Facebook Live", URL: "rtmps://live-api-s.facebook.com:443/rtmp",
		Source: "facebook.com/business/help/162540111070395 (live video specifications)",
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, FrameRate: 60, VideoBits: 9 * megabit, KeyInterval: 2 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "instagram", Title: "Instagram Live", URL: "rtmps://live-upload.instagram.com:443/rtmp", Source: undocumented,
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, Orientation: Portrait, FrameRate: 30, VideoBits: 6 * megabit, KeyInterval: 2 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "twitch", Title: "Twitch", URL: "rtmps://ingest.global-contribute.live-video.net:443/app",
		Source: "help.twitch.tv/s/article/broadcasting-guidelines",
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, Orientation: Landscape, FrameRate: 60, VideoBits: 6 * megabit, KeyInterval: 2 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "kick", Title: "Kick", Source: "help.kick.com (streaming settings); the URL is given with each key",
		Codecs: legacyCodecs, ChunkSize: pushChunkSize, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: 0,
		Limits: Limits{LongSide: 1920, ShortSide: 1080, Orientation: Landscape, FrameRate: 60, VideoBits: 8 * megabit, KeyInterval: 2 * time.Second, SampleRates: []int{44100, 48000}},
	},
	{
		Name: "custom", Title: "RTMP", Source: "nothing is known of it",
		Codecs: customCodecs, Enhanced: true, Coalesce: pushCoalesce, Patience: defaultPatience, Overlays: CarriesSEI | CarriesAMF,
	},
}

// ProfileOf gives a platform's profile by name; false where there is none.
func ProfileOf(name string) (Profile, bool) {
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return profiles[i], true
}

// Takes says whether the platform can take a codec.
func (p *Profile) Takes(c media.Codec) bool { return slices.Contains(p.Codecs, c) }

// bridged gives what the platform gets in place of a codec that it does not take; false where it takes that itself, or nothing makes it fit.
func (p *Profile) bridged(c media.Codec) (to media.Codec, made bool) {
	if p.Bridge == nil || p.Takes(c) {
		return c, false
	}
	to, made = p.Bridge(c)
	return to, made && p.Takes(to)
}

// Plain says whether RTMP carries a codec without FourCC: any peer knows those.
func Plain(c media.Codec) bool { return c == media.H264 || c == media.AAC || c == media.MP3 }

// WithoutFourCC gives the profile of a platform that is not to get what RTMP carries by FourCC.
func (p *Profile) WithoutFourCC() Profile {
	plain := *p
	plain.Enhanced = false
	plain.Codecs = slices.DeleteFunc(slices.Clone(p.Codecs), func(c media.Codec) bool { return !Plain(c) })
	return plain
}
