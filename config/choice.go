package config

// LogFormat is how log lines look.
type LogFormat uint8

// The log formats.
const (
	Text LogFormat = iota // key=value, for people
	JSON                  // one JSON object per line
)

// EndPolicy is what a clean end by the encoder does to the session.
type EndPolicy uint8

// The end policies.
const (
	End  EndPolicy = iota // the session ends at once
	Hold                  // the session is held as if the publisher had been lost
)

// TakeoverPolicy is what happens to a second publisher with the right key.
type TakeoverPolicy uint8

// The takeover policies.
const (
	Takeover TakeoverPolicy = iota // the newcomer takes the stream
	Reject                         // the newcomer is refused
)

// Platform names the profile of a destination.
type Platform uint8

// The platforms with a profile.
const (
	Custom Platform = iota // any RTMP server
	TikTok
	TalkShopLive
	YouTube
	Facebook
	Instagram
	Twitch
	Kick
)

var (
	logFormats       = [...]string{Text: "text", JSON: "json"}
	endPolicies      = [...]string{End: "end", Hold: "hold"}
	takeoverPolicies = [...]string{Takeover: "takeover", Reject: "reject"}
	platforms        = [...]string{
		Custom: "custom", TikTok: "tiktok", TalkShopLive: "talkshoplive", YouTube: "youtube",
		Facebook: "facebook", Instagram: "instagram", Twitch: "twitch", Kick: "kick",
	}
)

// String gives the word that the file uses.
func (f LogFormat) String() string { return word(logFormats[:], uint8(f)) }

// String gives the word that the file uses.
func (p EndPolicy) String() string { return word(endPolicies[:], uint8(p)) }

// String gives the word that the file uses.
func (p TakeoverPolicy) String() string { return word(takeoverPolicies[:], uint8(p)) }

// String gives the word that the file uses, which is also the name of the profile.
func (p Platform) String() string { return word(platforms[:], uint8(p)) }

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return "unknown"
}
