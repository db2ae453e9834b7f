package whip

import (
	"net/http"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/internal/rtc"
)

// wanted are the codecs of pictures that are taken, the best first: what all outputs carry, then what needs a bridge for some.
var wanted = []func(c rtc.Codec) bool{
	func(c rtc.Codec) bool { return isNamed(c, "H264") && c.Parameter("packetization-mode") == "1" },
	func(c rtc.Codec) bool { return isNamed(c, "H264") },
	func(c rtc.Codec) bool { return isNamed(c, "H265") },
	func(c rtc.Codec) bool { return isNamed(c, "AV1") },
	func(c rtc.Codec) bool { return isNamed(c, "VP9") },
	func(c rtc.Codec) bool { return isNamed(c, "VP8") },
	func(c rtc.Codec) bool { return isNamed(c, "opus") && c.Channels == 2 },
}

func isNamed(c rtc.Codec, name string) bool { return strings.EqualFold(c.Name, name) }

// choose picks a codec for the first picture and the first sound that the offer would send.
func choose(o *rtc.Offer) (map[int]rtc.Codec, error) {
	chosen := make(map[int]rtc.Codec)
	taken := map[string]bool{} // by kind
	sends := false
	for i, m := range o.Medias {
		if !m.Sends || m.Kind != "video" && m.Kind != "audio" {
			continue
		}
		sends = true
		if c, ok := best(m.Codecs); ok && !taken[m.Kind] {
			c.Feedback = slices.DeleteFunc(c.Feedback, func(f string) bool { return f == "goog-remb" }) // the other one is given
			chosen[i], taken[m.Kind] = c, true
		}
	}
	switch {
	case !sends:
		return nil, &rtc.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "The offer would send neither sound nor pictures: offer sendonly media."}
	case len(chosen) == 0:
		return nil, &rtc.Problem{Status: http.StatusNotAcceptable, Code: "codec", Detail: "The offer has none of the codecs that are taken: H.264, HEVC, AV1, VP9, VP8, and Opus."}
	}
	return chosen, nil
}

// best picks the codec that is wanted most, of those the first that is offered.
func best(offered []rtc.Codec) (rtc.Codec, bool) {
	for _, is := range wanted {
		for _, c := range offered {
			if !is(c) {
				continue
			}
			if _, err := c.Track(0); err == nil { // its parameters are those of a format that is taken
				return c, true
			}
		}
	}
	return rtc.Codec{}, false
}
