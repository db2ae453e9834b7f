package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/relay"
)

// Node gives what concerns the node and no single stream.
func (c *Controller) Node() NodeStatus {
	st := NodeStatus{Refused: map[string]uint64{}, Limits: map[string]uint64{}, Feeds: c.feedsRefused()}
	if c.Refusals != nil {
		st.Refused, st.Limits = c.Refusals.Counts(), c.Refusals.Hits()
	}
	if c.Peers.Refused != nil {
		st.Limits["dtls_handshakes"] = c.Peers.Refused()
	}
	return st
}

// Streams gives the status of all streams, sorted by id.
func (c *Controller) Streams() []StreamStatus {
	desired := c.snapshot()
	all := make([]StreamStatus, 0, len(desired.Streams))
	for id := range desired.Streams {
		if st, ok := c.Stream(id); ok {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b StreamStatus) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Stream gives the status of one stream; false where there is none.
func (c *Controller) Stream(id string) (StreamStatus, bool) {
	g, ok := c.Gate.Status(id)
	if !ok {
		return StreamStatus{}, false
	}
	stream, variants := c.Hub.Stream(id), c.variantsOf(id)
	facts := factsOf(&g)
	st := StreamStatus{ID: id, Feeds: []FeedStatus{}, State: g.State.String(), Tracks: tracksOf(&g, facts), Ingest: ingestOf(&g)}
	if of := c.shop.of(id); of != nil {
		st.Overlays, st.Feeds = of.status(), of.feedsOf(stream, variants)
		st.HLS = c.packaged(id)
		st.WebRTC, st.Bridges = c.peersOf(id), c.bridgesOf(id)
	}
	st.Advice = advice(facts, st.inBrowsers())
	if g.Session != "" {
		st.Session = sessionOf(&g, stream)
	}
	names, by := c.named(id)
	st.Destinations = make([]DestinationStatus, 0, len(names))
	for _, name := range names {
		st.Destinations = append(st.Destinations, by[name].status(countersOf(name, stream, variants), name, stream, facts))
	}
	return st, true
}

// factsOf gives what the profiles are compared with.
func factsOf(g *ingest.Status) outputs.Facts {
	f := outputs.Facts{
		FrameRate: g.Video.Frames, VideoBits: g.Video.Bits, KeyInterval: g.Video.KeyInterval, BFrames: g.Video.Reordered,
	}
	for _, t := range g.Tracks {
		switch {
		case t.Codec.IsVideo():
			f.Video = t
		case t.Codec.IsAudio():
			f.Audio = t
		}
	}
	return f
}

// tracksOf describes the tracks, as configured and as measured.
func tracksOf(g *ingest.Status, f outputs.Facts) []TrackStatus {
	tracks := []TrackStatus{}
	if v := f.Video; v != nil {
		tracks = append(tracks, TrackStatus{
			Kind: "video", Codec: v.Codec.String(), Profile: v.Format.Profile, Level: v.Format.Level,
			Width: v.Format.Width, Height: v.Format.Height, FrameRate: f.FrameRate, BFrames: f.BFrames,
			KeyInterval: f.KeyInterval.Seconds(), Bitrate: f.VideoBits,
		})
	}
	if a := f.Audio; a != nil {
		tracks = append(tracks, TrackStatus{
			Kind: "audio", Codec: a.Codec.String(), Profile: a.Format.Profile,
			SampleRate: a.ClockRate, Channels: a.Format.Channels, Bitrate: g.Audio.Bits,
		})
	}
	return tracks
}

// lateKeys is the key frame distance from which on every output suffers: late joins, long skips, long HLS segments.
const lateKeys = 4*time.Second + 300*time.Millisecond

// inBrowsers says whether somebody watches over WebRTC, or something is made for that now.
func (st *StreamStatus) inBrowsers() bool {
	watched := st.WebRTC != nil && st.WebRTC.Viewers != nil && st.WebRTC.Viewers.Opening+st.WebRTC.Viewers.Connected > 0
	return watched || slices.ContainsFunc(st.Bridges, func(b BridgeStatus) bool {
		return b.Running && (b.Conversion == "in_order" || b.Conversion == "opus")
	})
}

// opusRate is the one sample rate of sound over WebRTC.
const opusRate = 48000

// advice is what the publisher should change whatever the destinations are.
func advice(f outputs.Facts, inBrowsers bool) []string {
	var a []string
	if f.KeyInterval > lateKeys {
		a = append(a, "Key frames are far apart: in OBS, Settings > Output > Streaming > Keyframe Interval: 2 s.")
	}
	if f.Video != nil && f.Audio == nil {
		a = append(a, "There is no sound: add an audio source in OBS.")
	}
	if inBrowsers && f.BFrames {
		a = append(a, "B-frames have to be taken out for viewers over WebRTC, which costs CPU, quality and time: "+outputs.WithoutBFrames+".")
	}
	if inBrowsers && f.Audio != nil && f.Audio.ClockRate > 0 && f.Audio.ClockRate != opusRate {
		a = append(a, fmt.Sprintf("Sound has %g kHz and is made into 48 kHz for viewers over WebRTC: in OBS, Settings > Audio > Sample Rate: 48 kHz.", float64(f.Audio.ClockRate)/1000))
	}
	return a
}

func sessionOf(g *ingest.Status, s *relay.Stream) *SessionStatus {
	st := &SessionStatus{
		ID: g.Session, Since: g.Since.Round(0), MediaTime: g.Newest.Duration().Seconds(), TimeOrigin: s.Wall(0).Round(0),
	}
	if g.State == ingest.Holding {
		until := g.HoldUntil.Round(0)
		st.HoldUntil = &until
		return st
	}
	st.Publisher = publisherOf(g.Publisher, g.Connected)
	if !g.Waits.IsZero() {
		st.Waiting = publisherOf(g.Waiting, g.Waits)
	}
	return st
}

func publisherOf(a ingest.Applicant, since time.Time) *Publisher {
	return &Publisher{Protocol: a.Protocol, Remote: a.Remote, Software: a.Software, Since: since.Round(0)}
}

func ingestOf(g *ingest.Status) IngestCounters {
	n := &g.Counters
	return IngestCounters{
		Bytes: n.Bytes, Frames: map[string]uint64{"video": n.VideoFrames, "audio": n.AudioFrames}, Dropped: n.Drops(),
		Takeovers: n.Takeovers, Failed: n.FailedTakeovers, TimeJumps: n.TimeJumps, Sessions: n.Sessions, AVSkew: g.Skew.Duration().Seconds(),
	}
}

// status gives the truth about one destination.
func (d *destination) status(counted relay.Counters, name string, s *relay.Stream, f outputs.Facts) DestinationStatus {
	p := d.progress.Status(s.Snapshot().Newest, counted.Lag)
	st := DestinationStatus{
		Name: name, Platform: d.profile.Name, URL: d.settings.URL,
		State: p.State.String(), Since: p.Since.Round(0), Cause: p.Cause.String(), Detail: p.Detail, Attempt: p.Attempt,
		NextRetry: moment(p.Next), LastLive: moment(p.LastLive), Preflight: d.preflight(f),
		Bytes: counted.Bytes, Frames: counted.Frames,
		Skipped:  map[string]uint64{"late": counted.SkippedLate, "gone": counted.SkippedGone},
		Attempts: p.Attempts, Failures: make(map[string]uint64, len(p.Failures)),
		LagSeconds: p.Lag.Seconds(), UnsentBytes: p.Unsent,
		Overlays: carriedOf(d.carriage(), d.carried),
	}
	for i, cause := range outputs.Causes() {
		st.Failures[cause] = p.Failures[i+1]
	}
	return st
}

// status tells what is shown, and what the timeline did.
func (s *showcase) status() OverlayStatus {
	state, _ := s.timeline.Current()
	n := s.timeline.Stats()
	return OverlayStatus{
		Seq: state.Seq, Cards: len(state.Cards), Waiting: len(s.timeline.Schedule()), Delay: s.timeline.EncoderDelay().Seconds(),
		Changes: n.Changes, States: n.States, Repeats: n.Repeats, Late: n.Late, Refused: n.Refused, Bytes: n.Bytes,
	}
}

// carriedOf tells what an output carried.
func carriedOf(carriage outputs.Carriage, c *outputs.Carried) CarriedStatus {
	n := c.Status()
	by := map[outputs.Carriage]outputs.Copies{outputs.CarriesSEI: n.SEI, outputs.CarriesAMF: n.AMF}
	if carriage&outputs.CarriesID3 != 0 {
		by = map[outputs.Carriage]outputs.Copies{outputs.CarriesSEI: n.SEI, outputs.CarriesID3: n.ID3, outputs.CarriesRange: n.Range}
	}
	if carriage&outputs.CarriesChannel != 0 {
		by = map[outputs.Carriage]outputs.Copies{outputs.CarriesSEI: n.SEI, outputs.CarriesChannel: n.Channel}
	}
	count := func(what func(outputs.Copies) uint64) map[string]uint64 {
		counts := make(map[string]uint64, len(by))
		for one, copies := range by {
			counts[one.String()] = what(copies)
		}
		return counts
	}
	return CarriedStatus{
		Carriage: carriage.String(), Seq: n.Seq,
		States:  count(func(c outputs.Copies) uint64 { return c.States }),
		Repeats: count(func(c outputs.Copies) uint64 { return c.Repeats }),
		Bytes:   count(func(c outputs.Copies) uint64 { return c.Bytes }),
		Reduced: map[string]uint64{
			"no_price": uint64(n.NoPrice), "other_lang": uint64(n.OtherLang), "shortened": uint64(n.Shortened), "no_params": uint64(n.NoParams),
			"no_meta": uint64(n.NoMeta), "dropped": uint64(n.Dropped), "unreadable": uint64(n.Unreadable),
		},
	}
}

// carriage gives how a destination is sent overlay states.
func (d *destination) carriage() outputs.Carriage {
	if c := d.settings.Overlays; c != nil {
		return *c
	}
	return d.profile.Overlays
}

func (d *destination) preflight(f outputs.Facts) Preflight {
	verdict, checks := d.profile.Preflight(f)
	st := Preflight{Verdict: verdict.String()}
	for _, c := range checks {
		st.Checks = append(st.Checks, PreflightCheck{Subject: c.Subject, Verdict: c.Verdict.String(), Detail: c.Detail})
	}
	return st
}

// moment gives a time for JSON, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(0)
	return &t
}
