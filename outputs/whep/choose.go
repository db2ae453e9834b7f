package whep

import (
	"net/http"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/internal/rtc"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// transportWide is feedback for senders that control their rate, RFC 8888's elder.
const transportWide = "transport-cc"

// choice is which track goes where.
type choice struct {
	track *media.Track
	codec rtc.Codec
}

// choose finds a place in the offer for the first picture and the first sound of a stream. One of them must have one.
func choose(o *rtc.Offer, tracks []*media.Track) (map[int]choice, error) {
	chosen := make(map[int]choice)
	var video, audio, asked bool
	for i, m := range o.Medias {
		taken, kind := &audio, media.Codec.IsAudio
		if m.Kind == "video" {
			taken, kind = &video, media.Codec.IsVideo
		} else if m.Kind != "audio" {
			continue
		}
		asked = asked || m.Receives
		t := first(tracks, kind)
		if !m.Receives || *taken || t == nil {
			continue
		}
		if c, fits := match(t, m.Codecs); fits {
			c.Feedback = slices.DeleteFunc(c.Feedback, func(f string) bool { return f == transportWide }) // so that she estimates herself
			chosen[i], *taken = choice{t, c}, true
		}
	}
	switch {
	case !asked:
		return nil, &rtc.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "The offer would receive neither sound nor pictures: offer recvonly media."}
	case len(tracks) == 0:
		return nil, errIdle()
	case len(chosen) == 0:
		return nil, &rtc.Problem{Status: http.StatusNotAcceptable, Code: "codec", Detail: "The offer has no codec of the stream, which has " + named(tracks) + "."}
	}
	return chosen, nil
}

func first(tracks []*media.Track, kind func(media.Codec) bool) *media.Track {
	for _, t := range tracks {
		if kind(t.Codec) {
			return t
		}
	}
	return nil
}

func named(tracks []*media.Track) string {
	var names []string
	for _, t := range tracks {
		if t.Codec.IsVideo() || t.Codec.IsAudio() {
			names = append(names, t.Codec.String())
		}
	}
	return strings.Join(names, " and ")
}

// match finds the codec of an offer that a track is sent as.
func match(t *media.Track, offered []rtc.Codec) (best rtc.Codec, fits bool) {
	ours, err := rtp.MappingOf(t)
	if err != nil {
		return rtc.Codec{}, false
	}
	most := 0
	for _, c := range offered {
		if n := likeness(t.Codec, ours, c.Mapping); n > most {
			best, most = c, n
		}
	}
	return best, most > 0
}

// likeness says how well an offered codec fits ours; 0: not at all.
func likeness(c media.Codec, ours, theirs rtp.Mapping) int {
	if !strings.EqualFold(ours.Name, theirs.Name) || ours.Rate != theirs.Rate || ours.Channels != theirs.Channels && c.IsAudio() {
		return 0
	}
	switch c {
	case media.H264:
		return likenessOfH264(ours.Parameter("profile-level-id"), theirs)
	case media.VP9:
		if or0(ours.Parameter("profile-id")) != or0(theirs.Parameter("profile-id")) {
			return 0
		}
	case media.AV1:
		if or0(ours.Parameter("profile")) != or0(theirs.Parameter("profile")) {
			return 0
		}
	}
	return 1
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// likenessOfH264 compares profiles (RFC 6184 §8.1). Browsers offer few of those that they decode: a stream of another profile goes as
// the one that all have, and is decoded all the same. Nothing said of packetization would be single NAL units, but who says nothing takes
// all: so GStreamer is set up mostly.
func likenessOfH264(ours string, theirs rtp.Mapping) int {
	switch theirs.Parameter("packetization-mode") {
	case "":
		return 1
	case "1":
	default:
		return 0
	}
	offered := strings.ToUpper(theirs.Parameter("profile-level-id"))
	switch {
	case len(ours) == 6 && strings.HasPrefix(offered, ours[:4]):
		return 5
	case len(ours) == 6 && strings.HasPrefix(offered, ours[:2]):
		return 4
	case strings.HasPrefix(offered, "42E0"):
		return 3
	}
	return 2
}
