package rtmp

import (
	"slices"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// takenBy gives what an output says that its peer takes.
func takenBy(choose func(outputs.Fit) relay.Choose) (taken []string) {
	var takes func(media.Codec) bool
	choose(func(t func(media.Codec) bool) relay.Choose { takes = t; return nil })
	for c := media.H264; c <= media.MP3; c++ {
		if takes(c) {
			taken = append(taken, c.String())
		}
	}
	return taken
}

// A destination gets what its platform takes, and by FourCC what it may be sent so; a player gets what it knows.
func TestFit(t *testing.T) {
	tiktok, _ := outputs.ProfileOf("tiktok")
	youtube, _ := outputs.ProfileOf("youtube")
	custom, _ := outputs.ProfileOf("custom")
	all := wire.Peer{FourCCs: []string{"*"}}
	some := wire.Peer{FourCCs: []string{"hvc1", "Opus"}}
	for name, tt := range map[string]struct {
		push *Push // nil: a player
		peer wire.Peer
		want []string
	}{
		"tiktok":                     {&Push{Takes: tiktok.Takes, Plain: true}, all, []string{"h264", "aac"}},
		"youtube":                    {&Push{Takes: youtube.Takes}, wire.Peer{}, []string{"h264", "hevc", "av1", "aac", "mp3"}},
		"a server that says nothing": {&Push{Takes: custom.Takes}, wire.Peer{}, []string{"h264", "hevc", "av1", "vp9", "aac", "mp3"}},
		"one that knows Opus":        {&Push{Takes: custom.Takes}, some, []string{"h264", "hevc", "av1", "vp9", "aac", "opus", "mp3"}},
		"one that knows all":         {&Push{Takes: custom.Takes}, all, []string{"h264", "hevc", "av1", "vp9", "aac", "opus", "flac", "mp3"}},
		"FourCC by configuration":    {&Push{Takes: custom.Takes, Form: flv.Enhanced}, wire.Peer{}, []string{"h264", "hevc", "av1", "vp9", "aac", "opus", "flac", "mp3"}},
		"no FourCC by configuration": {&Push{Takes: custom.Takes, Plain: true}, all, []string{"h264", "aac", "mp3"}},
		"any platform":               {&Push{}, all, []string{"h264", "hevc", "av1", "vp8", "vp9", "aac", "opus", "flac", "mp3"}},
		"a plain player":             {nil, wire.Peer{}, []string{"h264", "aac", "mp3"}},
		"a player that knows some":   {nil, some, []string{"h264", "hevc", "aac", "opus", "mp3"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := takenBy(func(fit outputs.Fit) relay.Choose {
				if tt.push == nil {
					return (&Play{Request: &wire.Request{Peer: tt.peer}, Fit: fit}).choose()
				}
				tt.push.Fit = fit
				return tt.push.choose(tt.peer)
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if (&Push{}).choose(all) != nil || (&Play{}).choose() != nil {
		t.Error("something is chosen where nothing can be")
	}
}
