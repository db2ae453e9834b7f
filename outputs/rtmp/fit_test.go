package rtmp

import (
	"log/slog"
	"slices"
	"strings"
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

// What a bridge does not bring is said once, and taken back when it comes.
func TestTell(t *testing.T) {
	var hub relay.Hub
	base, made := hub.Stream("maria"), hub.Stream("made")
	track := func(c media.Codec) *media.Track { return &media.Track{ID: 1, Codec: c} }
	opus, aac := track(media.Opus), track(media.AAC)
	in, err := base.Publish([]*media.Track{opus})
	if err != nil {
		t.Fatal(err)
	}
	r := base.Follow("out", 0, func(*relay.Stream, []*media.Track) *relay.Stream { return made })
	defer r.Close()
	var log strings.Builder
	p := &Push{Name: "out", Progress: &outputs.Progress{}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	p.Progress.Enter(outputs.Publishing)
	p.tell(r)
	for at := range media.Time(60) {
		if err := in.WriteFrame(&media.Frame{Track: opus, DTS: at * 100 * media.Millisecond, Key: true}); err != nil {
			t.Fatal(err)
		}
		p.tell(r)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "opus") || !strings.Contains(log.String(), "output=out") {
		t.Errorf("%d warnings in %s", n, log.String())
	}
	out, err := made.Publish([]*media.Track{aac})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.WriteFrame(&media.Frame{Track: aac, DTS: 5900 * media.Millisecond, Key: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(t.Context(), nil, 1); err != nil {
		t.Fatal(err)
	}
	p.tell(r)
	if !strings.Contains(log.String(), "all tracks again") {
		t.Errorf("the end is not told: %s", log.String())
	}
	if err := lacks(nil, relay.ErrStarved); outputs.CauseOf(err) != outputs.CodecMismatch || !strings.Contains(err.Error(), "ffmpeg") {
		t.Errorf("got %v", err)
	}
}
