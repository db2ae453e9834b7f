package web

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/simulcart/simulcart/control"
)

// The closed sets of the status, so that each of their series exists from the first scrape, at 0: rate() needs a value
// before the first event.
var (
	streamStates      = []string{"idle", "live", "stalled", "holding"}
	destinationStates = []string{
		"idle", "connecting", "handshaking", "publishing", "live", "stalled", "holding", "backoff", "rejected", "paused",
	}
	causes   = []string{"dns", "tcp", "tls", "handshake", "rejected", "kicked", "stalled", "slow", "codec", "expired", "policy"}
	verdicts = []string{"unknown", "ok", "warn", "fail"}
	kinds    = []string{"video", "audio"}
)

// The metrics of a stream.
var (
	streamState  = streamMetric("stream_state", "1 for the state that the stream is in, 0 for all others.", "state")
	ingestBytes  = streamMetric("ingest_bytes_total", "Media bytes accepted from encoders.")
	ingestFrames = streamMetric("ingest_frames_total", "Media frames accepted from encoders.", "kind")
	dropped      = streamMetric("ingest_dropped_total", "Frames and messages from encoders that were not relayed.", "reason")
	takeovers    = streamMetric("ingest_takeovers_total", "Times that an encoder took the stream from another one.")
	untaken      = streamMetric("ingest_failed_takeovers_total", "Encoders that were let in to take the stream over, and never did: no key frame, or gone before it.")
	timeJumps    = streamMetric("ingest_time_jumps_total", "Times that the encoder's clock jumped and the stream's time was re-based.")
	sessions     = streamMetric("ingest_sessions_total", "Sessions begun; an encoder that comes back within the hold window begins none.")
	bitrate      = streamMetric("ingest_media_bytes_per_second", "Bitrate over the last seconds, in bytes; absent without such a track.", "kind")
	frameRate    = streamMetric("ingest_frames_per_second", "Pictures a second over the last seconds; absent without video.")
	keyInterval  = streamMetric("ingest_key_interval_seconds", "Longest of the recent distances between key frames; absent before the second key frame.")
	skew         = streamMetric("ingest_av_skew_seconds", "Newest sound minus newest picture, in media time; absent without a session.")
)

// The metrics of a stream's overlay states, and of what each output carried of them. The label output is a destination's name,
// or feed:PROTOCOL:PARTNER.
var (
	overlayCards    = streamMetric("overlay_cards", "Cards that are visible now.")
	overlayWaiting  = streamMetric("overlay_waiting_changes", "Changes whose time has not come.")
	overlayChanges  = streamMetric("overlay_changes_total", "Changes of what is shown that were carried out.")
	overlayStates   = streamMetric("overlay_states_total", "Overlay states written to the timeline, without repeats.")
	overlayRepeats  = streamMetric("overlay_repeats_total", "Copies of a state written to the timeline, one at each key frame.")
	overlayLate     = streamMetric("overlay_late_total", "States whose wanted media time had passed.")
	overlayUndone   = streamMetric("overlay_undone_total", "Changes that could not be carried out when their time came.")
	overlayBytes    = streamMetric("overlay_bytes_total", "Bytes of states and repeats on the timeline.")
	carriedStates   = streamMetric("overlay_carried_states_total", "Overlay states carried by an output, without repeats.", "output", "carriage")
	carriedRepeats  = streamMetric("overlay_carried_repeats_total", "Further copies of overlay states carried by an output.", "output", "carriage")
	carriedBytes    = streamMetric("overlay_carried_bytes_total", "Bytes of overlay states carried by an output.", "output", "carriage")
	carriedReduced  = streamMetric("overlay_reduced_total", "What an output's view could not give of overlay states, in cards.", "output", "reason")
	carriedSequence = streamMetric("overlay_carried_seq", "Seq of the newest overlay state that an output carried; 0 where none was.", "output")
)

// The metrics of a feed. The label partner is empty for all without a contract.
var (
	feedReaders = feedMetric("connections", "Connections that pull the feed.")
	feedBytes   = feedMetric("bytes_total", "Media bytes handed over.")
	feedFrames  = feedMetric("frames_total", "Media frames handed over.")
	feedSkipped = feedMetric("skipped_frames_total", "Frames that readers of the feed did not get.", "reason")
	feedRefused = prometheus.NewDesc("simulcart_feed_refused_total", "Requests to pull a stream that were refused.", []string{"protocol", "partner", "cause"}, nil)
	feedLag     = feedMetric("lag_seconds", "Age of the oldest media that the latest reader has not taken yet.")
)

// The metrics of a destination.
var (
	refused   = prometheus.NewDesc("simulcart_ingest_refused_total", "Connections that ended before they published or played.", []string{"reason"}, nil)
	limitHits = prometheus.NewDesc("simulcart_ingest_limit_hits_total", "Connections that ended at one of their limits, before they published or played or afterwards.", []string{"limit"}, nil)

	destinationState = destinationMetric("state", "1 for the state that the destination is in, 0 for all others.", "state")
	attempts         = destinationMetric("attempts_total", "Connection attempts.")
	failures         = destinationMetric("failures_total", "Connections and attempts that failed.", "cause")
	sentBytes        = destinationMetric("bytes_total", "Media bytes written to the destination.")
	sentFrames       = destinationMetric("frames_total", "Media frames written to the destination.")
	skipped          = destinationMetric("skipped_frames_total", "Frames that the destination did not get.", "reason")
	lag              = destinationMetric("lag_seconds", "Age of the oldest media that the destination's machine has not taken yet.")
	unsent           = destinationMetric("unsent_bytes", "Bytes that wait in the socket.")
	lastLive         = destinationMetric("last_live_timestamp_seconds", "Unix time at which it was live last; absent before the first time.")
	preflight        = destinationMetric("preflight_verdict", "1 for the platform profile's verdict on the stream as it is now, 0 for all others.", "verdict")
)

// streamMetric describes a metric that each stream has, with labels beside stream.
func streamMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("simulcart_"+name, help, append([]string{"stream"}, labels...), nil)
}

// The metrics of what is made of a stream for HLS.
var (
	hlsSegments       = streamMetric("hls_segments_total", "Segments that were made.")
	hlsParts          = streamMetric("hls_parts_total", "Parts of segments that were made.")
	hlsSegmentSeconds = streamMetric("hls_segment_seconds_total", "Duration of all segments that were made.")
	hlsPartSeconds    = streamMetric("hls_part_seconds_total", "Duration of all parts that were made.")
	hlsTarget         = streamMetric("hls_target_duration_seconds", "No segment is longer when rounded.")
	hlsPartTarget     = streamMetric("hls_part_target_seconds", "No part is longer.")
	hlsAge            = streamMetric("hls_playlist_age_seconds", "Time since the playlist changed, while segments are made.")
	hlsWindow         = streamMetric("hls_window_seconds", "Time that the playlist lists.")
	hlsMemory         = streamMetric("hls_memory_bytes", "Media that can be fetched and is in memory.")
	hlsDisk           = streamMetric("hls_disk_bytes", "Media that can be fetched and is on disk.")
	hlsHeld           = streamMetric("hls_held_requests", "Requests that wait for media to come.")
	hlsDropped        = streamMetric("hls_dropped_frames_total", "Frames that are in no segment.", "reason")
	hlsRanges         = streamMetric("hls_dropped_ranges_total", "Date ranges that left the playlist before their time, since there were too many.")
	hlsUnwritten      = streamMetric("hls_unwritten_segments_total", "Attempts to write a segment to disk that did not succeed.")
	hlsRequests       = streamMetric("hls_requests_total", "Requests that were answered, by resource and status.", "resource", "status")
)

// feedMetric describes a metric that each feed has, with labels beside stream, protocol and partner.
func feedMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("simulcart_feed_"+name, help, append([]string{"stream", "protocol", "partner"}, labels...), nil)
}

// destinationMetric describes a metric that each destination has, with labels beside stream, destination and platform.
func destinationMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("simulcart_destination_"+name, help, append([]string{"stream", "destination", "platform"}, labels...), nil)
}

// collector turns the snapshots of a source into metrics at each scrape. It is the only place that knows Prometheus:
// what counts, counts for the status, and is read from there.
type collector struct{ source Source }

// Describe names every metric that Collect may send.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		refused, limitHits, streamState, ingestBytes, ingestFrames, dropped, takeovers, untaken, timeJumps, sessions, bitrate, frameRate, keyInterval, skew,
		overlayCards, overlayWaiting, overlayChanges, overlayStates, overlayRepeats, overlayLate, overlayUndone, overlayBytes,
		feedReaders, feedBytes, feedFrames, feedSkipped, feedLag, feedRefused,
		hlsSegments, hlsParts, hlsSegmentSeconds, hlsPartSeconds, hlsTarget, hlsPartTarget, hlsAge, hlsWindow, hlsMemory, hlsDisk, hlsHeld, hlsRequests,
		peerCount, peerJoined, peerFailed, peerKeyFrames, peerTrip, peerJitter,
		whipPackets, whipAsked, whipLost, whipRepaired, whipDelay, whipApart, whepResent, whepLate, whepPictures, whepSkips, whepLoss, whepEstimate,
		bridgeProcesses, bridgeStarts, bridgeRestarts, bridgeCPU, bridgeDelay, bridgeLate,
		hlsDropped, hlsRanges, hlsUnwritten,
		carriedStates, carriedRepeats, carriedBytes, carriedReduced, carriedSequence,
		destinationState, attempts, failures, sentBytes, sentFrames, skipped, lag, unsent, lastLive, preflight,
	} {
		ch <- d
	}
}

// Collect sends all metrics of one snapshot.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	node := c.source.Node()
	series{out: ch}.counts(refused, nil, node.Refused)
	series{out: ch}.counts(limitHits, nil, node.Limits)
	for _, f := range node.Feeds {
		series{ch, []string{f.Protocol, f.Partner}}.counts(feedRefused, nil, f.Causes)
	}
	for _, s := range c.source.Streams() {
		series{ch, []string{s.ID}}.stream(&s)
		series{ch, []string{s.ID}}.overlays(&s.Overlays)
		for _, f := range s.Feeds {
			series{ch, []string{s.ID}}.feed(&f)
		}
		if s.HLS != nil {
			series{ch, []string{s.ID}}.packaged(s.HLS)
		}
		if s.WebRTC != nil {
			series{ch, []string{s.ID}}.peers(s.WebRTC)
		}
		for _, b := range s.Bridges {
			series{ch, []string{s.ID}}.bridge(&b)
		}
		for _, d := range s.Destinations {
			series{ch, []string{s.ID, d.Name, d.Platform}}.destination(&d)
			series{ch, []string{s.ID}}.carried(d.Name, &d.Overlays)
		}
	}
}

// series sends metrics that have the same first labels.
type series struct {
	out    chan<- prometheus.Metric
	labels []string
}

// stream sends what s itself counts.
func (m series) stream(s *control.StreamStatus) {
	m.oneOf(streamState, streamStates, s.State)
	m.count(ingestBytes, s.Ingest.Bytes)
	m.counts(ingestFrames, kinds, s.Ingest.Frames)
	m.counts(dropped, nil, s.Ingest.Dropped)
	m.count(takeovers, s.Ingest.Takeovers)
	m.count(untaken, s.Ingest.Failed)
	m.count(timeJumps, s.Ingest.TimeJumps)
	m.count(sessions, s.Ingest.Sessions)
	if s.Session != nil {
		m.gauge(skew, s.Ingest.AVSkew)
	}
	m.tracks(s.Tracks)
}

// tracks sends what is measured on the tracks: the rates of all tracks of a kind together, and the first picture's rhythm.
func (m series) tracks(tracks []control.TrackStatus) {
	bytesPerSecond := map[string]float64{}
	rhythm := false
	for _, t := range tracks {
		bytesPerSecond[t.Kind] += t.Bitrate / 8
		if t.Kind == "video" && !rhythm {
			rhythm = true
			m.gauge(frameRate, t.FrameRate)
			if t.KeyInterval > 0 {
				m.gauge(keyInterval, t.KeyInterval)
			}
		}
	}
	for kind, rate := range bytesPerSecond {
		m.gauge(bitrate, rate, kind)
	}
}

// overlays sends what the stream's timeline counts, and what its players were given.
func (m series) overlays(o *control.OverlayStatus) {
	m.gauge(overlayCards, float64(o.Cards))
	m.gauge(overlayWaiting, float64(o.Waiting))
	m.count(overlayChanges, o.Changes)
	m.count(overlayStates, o.States)
	m.count(overlayRepeats, o.Repeats)
	m.count(overlayLate, o.Late)
	m.count(overlayUndone, o.Refused)
	m.count(overlayBytes, o.Bytes)
}

// feed sends what a feed counts. As an output of overlay states it is feed:PROTOCOL:PARTNER, which no destination can be called.
func (m series) feed(f *control.FeedStatus) {
	named := series{m.out, append(slices.Clone(m.labels), f.Protocol, f.Partner)}
	named.gauge(feedReaders, float64(f.Readers))
	named.count(feedBytes, f.Bytes)
	named.count(feedFrames, f.Frames)
	named.counts(feedSkipped, nil, f.Skipped)
	named.gauge(feedLag, f.LagSeconds)
	m.carried("feed:"+f.Protocol+":"+f.Partner, &f.Overlays)
}

// packaged sends what is made of the stream for HLS.
func (m series) packaged(p *control.PackagedStatus) {
	m.count(hlsSegments, p.Segments)
	m.count(hlsParts, p.Parts)
	m.send(hlsSegmentSeconds, prometheus.CounterValue, p.SegmentSeconds, nil)
	m.send(hlsPartSeconds, prometheus.CounterValue, p.PartSeconds, nil)
	if p.Active {
		m.gauge(hlsTarget, p.TargetSeconds)
		m.gauge(hlsPartTarget, p.PartTargetSeconds)
		m.gauge(hlsAge, p.AgeSeconds)
	}
	m.gauge(hlsWindow, p.WindowSeconds)
	m.gauge(hlsMemory, float64(p.MemoryBytes))
	m.gauge(hlsDisk, float64(p.DiskBytes))
	m.gauge(hlsHeld, float64(p.Held))
	m.counts(hlsDropped, nil, p.Dropped)
	m.count(hlsRanges, p.DroppedRanges)
	m.count(hlsUnwritten, p.Unwritten)
	for _, r := range p.Requests {
		m.count(hlsRequests, r.Count, r.Resource, strconv.Itoa(r.Status))
	}
}

// carried sends what an output carried of the overlay states.
func (m series) carried(output string, c *control.CarriedStatus) {
	named := series{m.out, append(slices.Clone(m.labels), output)}
	named.counts(carriedStates, nil, c.States)
	named.counts(carriedRepeats, nil, c.Repeats)
	named.counts(carriedBytes, nil, c.Bytes)
	named.counts(carriedReduced, nil, c.Reduced)
	named.gauge(carriedSequence, float64(c.Seq))
}

// destination sends what d counts.
func (m series) destination(d *control.DestinationStatus) {
	m.oneOf(destinationState, destinationStates, d.State)
	m.count(attempts, d.Attempts)
	m.counts(failures, causes, d.Failures)
	m.count(sentBytes, d.Bytes)
	m.count(sentFrames, d.Frames)
	m.counts(skipped, nil, d.Skipped)
	m.gauge(lag, d.LagSeconds)
	m.gauge(unsent, float64(d.UnsentBytes))
	if d.LastLive != nil {
		m.gauge(lastLive, float64(d.LastLive.UnixMilli())/float64(time.Second/time.Millisecond))
	}
	m.oneOf(preflight, verdicts, d.Preflight.Verdict)
}

// oneOf sends one gauge for each word of a closed set: 1 for the word that holds, 0 for the others.
func (m series) oneOf(d *prometheus.Desc, set []string, word string) {
	for _, w := range set {
		value := 0.0
		if w == word {
			value = 1
		}
		m.gauge(d, value, w)
	}
}

// counts sends a counter for each word of a set that is known beforehand, and for each other word that was counted.
func (m series) counts(d *prometheus.Desc, set []string, counted map[string]uint64) {
	for _, word := range set {
		if _, found := counted[word]; !found {
			m.count(d, 0, word)
		}
	}
	for word, n := range counted {
		m.count(d, n, word)
	}
}

func (m series) count(d *prometheus.Desc, n uint64, labels ...string) {
	m.send(d, prometheus.CounterValue, float64(n), labels)
}

func (m series) gauge(d *prometheus.Desc, v float64, labels ...string) {
	m.send(d, prometheus.GaugeValue, v, labels)
}

// send makes one metric. A label that Prometheus cannot take makes the scrape name the fault, and costs nothing else.
func (m series) send(d *prometheus.Desc, t prometheus.ValueType, v float64, labels []string) {
	all := make([]string, 0, len(m.labels)+len(labels))
	metric, err := prometheus.NewConstMetric(d, t, v, append(append(all, m.labels...), labels...)...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(d, err)
	}
	m.out <- metric
}
