// Package control holds the desired state (streams, keys, destinations) and makes the running program follow it.
package control

import "time"

// NodeStatus is what concerns the node and no single stream.
type NodeStatus struct {
	Refused map[string]uint64 `json:"refused" doc:"connections that ended before they published or played, by reason"`
	Limits  map[string]uint64 `json:"limits" doc:"connections that ended at one of their limits, before they published or played or afterwards, by limit"`
	Feeds   []FeedRefusals    `json:"feeds_refused" doc:"requests to pull a stream that were refused, for each partner and protocol"`
}

// FeedRefusals is how often a partner was refused over one protocol, or all who have no contract were. The counters count since the
// process started, or since the partner came into the configuration.
type FeedRefusals struct {
	Protocol string            `json:"protocol" enum:"rtmp,rtsp,hls,whep"`
	Partner  string            `json:"partner,omitempty" doc:"absent for all without a contract"`
	Causes   map[string]uint64 `json:"causes" doc:"by cause: missing, unknown, expired, stream, protocol, full"`
}

// StreamStatus is what the API, the status page and the metrics show of one stream: a snapshot, taken without waiting
// for any network call.
type StreamStatus struct {
	ID           string              `json:"id"`
	State        string              `json:"state" enum:"idle,live,stalled,holding"`
	Session      *SessionStatus      `json:"session,omitempty" doc:"absent while the stream is idle"`
	Tracks       []TrackStatus       `json:"tracks"`
	Advice       []string            `json:"advice,omitempty" doc:"what the publisher should change, in the words of OBS's settings"`
	Ingest       IngestCounters      `json:"ingest"`
	Overlays     OverlayStatus       `json:"overlays"`
	Destinations []DestinationStatus `json:"destinations"`
	Feeds        []FeedStatus        `json:"feeds" doc:"those that were ever pulled"`
	HLS          *PackagedStatus     `json:"hls,omitempty" doc:"absent where the stream was never pulled over HLS"`
	WebRTC       *PeersStatus        `json:"webrtc,omitempty" doc:"absent where nobody published or watched over WebRTC"`
	Bridges      []BridgeStatus      `json:"bridges,omitempty" doc:"what was ever converted for outputs that cannot carry what the publisher sends; by conversion"`
}

// SessionStatus is one publish of a stream, from its acceptance to its end; encoder reconnects within the hold window
// do not end it.
type SessionStatus struct {
	ID         string     `json:"id" doc:"public id, new for each session, never the stream key"`
	Since      time.Time  `json:"since"`
	Publisher  *Publisher `json:"publisher,omitempty" doc:"absent while the session is held without an encoder"`
	Waiting    *Publisher `json:"waiting,omitempty" doc:"takes the stream over with its first key frame; absent where none does"`
	HoldUntil  *time.Time `json:"hold_until,omitempty" doc:"when the session ends if no encoder returns"`
	MediaTime  float64    `json:"media_time_seconds" doc:"newest media time"`
	TimeOrigin time.Time  `json:"time_origin" doc:"wall time of media time 0"`
}

// Publisher is an encoder at a session.
type Publisher struct {
	Protocol string    `json:"protocol" enum:"rtmp,rtmps,whip,card"`
	Remote   string    `json:"remote" doc:"address and port"`
	Software string    `json:"software" doc:"what it says it is"`
	Since    time.Time `json:"since"`
}

// TrackStatus is one track as it is now.
type TrackStatus struct {
	Kind        string  `json:"kind" enum:"video,audio"`
	Codec       string  `json:"codec"`
	Profile     string  `json:"profile,omitempty"`
	Level       string  `json:"level,omitempty"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	FrameRate   float64 `json:"frame_rate,omitempty" doc:"measured over the last seconds"`
	BFrames     bool    `json:"b_frames,omitempty" doc:"frames are decoded in another order than they are shown"`
	KeyInterval float64 `json:"key_interval_seconds,omitempty" doc:"the longest of the recent distances between key frames"`
	SampleRate  int     `json:"sample_rate,omitempty"`
	Channels    int     `json:"channels,omitempty"`
	Bitrate     float64 `json:"bitrate_bits_per_second" doc:"measured over the last seconds"`
}

// IngestCounters count since the process started, over all sessions of the stream.
type IngestCounters struct {
	Bytes     uint64            `json:"bytes" doc:"media bytes accepted"`
	Frames    map[string]uint64 `json:"frames" doc:"media frames accepted, by kind: video, audio"`
	Dropped   map[string]uint64 `json:"dropped" doc:"frames and messages not relayed, by reason"`
	Takeovers uint64            `json:"takeovers"`
	Failed    uint64            `json:"failed_takeovers" doc:"encoders that were let in to take the stream over, and never did: no key frame, or gone before it"`
	TimeJumps uint64            `json:"time_jumps"`
	Sessions  uint64            `json:"sessions"`
	AVSkew    float64           `json:"av_skew_seconds" doc:"newest sound minus newest picture, in media time"`
}

// OverlayStatus is what a stream's timeline did. The counters count since the process started, over all sessions of the stream.
type OverlayStatus struct {
	Seq     int64   `json:"seq" doc:"of the state that is shown; 0 where none was"`
	Cards   int     `json:"cards" doc:"visible now"`
	Waiting int     `json:"waiting" doc:"changes whose time has not come"`
	Delay   float64 `json:"encoder_delay_seconds" doc:"what a change as of what was seen waits: encoder_delay, or where that is 0 what was measured of a publisher over WHIP"`
	Changes uint64  `json:"changes" doc:"changes that were carried out"`
	States  uint64  `json:"states" doc:"states written to the timeline, without repeats"`
	Repeats uint64  `json:"repeats" doc:"copies of a state, one at each key frame"`
	Late    uint64  `json:"late" doc:"states whose wanted media time had passed"`
	Refused uint64  `json:"refused" doc:"changes that could not be carried out when their time came"`
	Bytes   uint64  `json:"bytes" doc:"of states and repeats on the timeline"`
}

// FeedStatus is a stream as one partner pulls it over one protocol. The counters count since the process started.
type FeedStatus struct {
	Protocol   string            `json:"protocol" enum:"rtmp,rtsp,hls,whep"`
	Partner    string            `json:"partner,omitempty" doc:"whose contract; absent for all without one: public streams, links, the creator's preview"`
	Readers    int               `json:"readers" doc:"connections that are open"`
	Bytes      uint64            `json:"bytes" doc:"media bytes handed over"`
	Frames     uint64            `json:"frames"`
	Skipped    map[string]uint64 `json:"skipped" doc:"frames not sent, by reason; unsent: over UDP, not whole; withheld: pictures up to a key frame, since too much is lost on the way"`
	LagSeconds float64           `json:"lag_seconds" doc:"of the reader that is latest"`
	Overlays   CarriedStatus     `json:"overlays"`
}

// PackagedStatus is what is made of a stream for HLS. The counters count since the process started.
type PackagedStatus struct {
	Active            bool               `json:"active" doc:"segments are being made"`
	Segments          uint64             `json:"segments" doc:"that were made"`
	Parts             uint64             `json:"parts" doc:"that were made"`
	SegmentSeconds    float64            `json:"segment_seconds" doc:"of all segments together"`
	PartSeconds       float64            `json:"part_seconds" doc:"of all parts together"`
	TargetSeconds     float64            `json:"target_seconds" doc:"EXT-X-TARGETDURATION; 0 while there is no playlist"`
	PartTargetSeconds float64            `json:"part_target_seconds" doc:"PART-TARGET; 0 while there is no playlist"`
	AgeSeconds        float64            `json:"age_seconds" doc:"since the playlist changed"`
	WindowSeconds     float64            `json:"window_seconds" doc:"that the playlist lists"`
	MemoryBytes       int64              `json:"memory_bytes" doc:"of media in memory"`
	DiskBytes         int64              `json:"disk_bytes" doc:"of media on disk"`
	Held              int                `json:"held" doc:"requests that wait"`
	Requests          []PackagedRequests `json:"requests" doc:"that were answered"`
	Dropped           map[string]uint64  `json:"dropped" doc:"frames that are in no segment, by reason: before_key, before_first, backwards, second_track, coding, offset"`
	DroppedRanges     uint64             `json:"dropped_ranges" doc:"date ranges that left the playlist before their time, since there were too many"`
	Unwritten         uint64             `json:"unwritten" doc:"attempts to write a segment to disk that did not succeed"`
}

// PackagedRequests counts requests for one kind of resource with one answer.
type PackagedRequests struct {
	Resource string `json:"resource" enum:"index,playlist,init,segment,part,other"`
	Status   int    `json:"status" doc:"of HTTP; 499: the client left before"`
	Count    uint64 `json:"count"`
}

// PartnerStatus is a partner's contract.
type PartnerStatus struct {
	Name           string            `json:"name"`
	Streams        []string          `json:"streams"`
	Protocols      []string          `json:"protocols"`
	MaxConnections int               `json:"max_connections" doc:"at once; 0: no bound"`
	Connections    int               `json:"connections" doc:"that are open"`
	Expires        *time.Time        `json:"expires,omitempty"`
	Expired        bool              `json:"expired"`
	Refused        map[string]uint64 `json:"refused" doc:"requests that were refused, by cause: expired, stream, protocol, full; since the process started, or since the partner came into the configuration"`
	Currency       string            `json:"currency,omitempty" doc:"of its view of the overlays"`
	Locale         string            `json:"locale,omitempty" doc:"of its view of the overlays"`
	Link           map[string]string `json:"link,omitempty" doc:"parameters that its view adds to product links"`
}

// CarriedStatus is what one output carried of the overlay states.
type CarriedStatus struct {
	Carriage string            `json:"carriage" enum:"off,sei,amf,sei+amf,sei+id3+daterange,sei+datachannel"`
	Seq      int64             `json:"seq" doc:"of the newest state that was carried; 0 where none was"`
	States   map[string]uint64 `json:"states" doc:"first copies of states, by carriage: sei, amf, id3, daterange, datachannel"`
	Repeats  map[string]uint64 `json:"repeats" doc:"further copies, by carriage"`
	Bytes    map[string]uint64 `json:"bytes" doc:"of all copies, by carriage"`
	Reduced  map[string]uint64 `json:"reduced" doc:"what the view could not give, in cards, by reason; unreadable counts whole states"`
}

// DestinationStatus is the truth about one destination.
type DestinationStatus struct {
	Name        string            `json:"name"`
	Platform    string            `json:"platform"`
	URL         string            `json:"url" doc:"without the stream key"`
	State       string            `json:"state" enum:"idle,connecting,handshaking,publishing,live,stalled,holding,backoff,rejected,paused"`
	Since       time.Time         `json:"since" doc:"when it came into this state"`
	Cause       string            `json:"cause,omitempty" enum:"dns,tcp,tls,handshake,rejected,kicked,stalled,slow,codec,expired,policy" doc:"why it is not live, or why it last failed"`
	Detail      string            `json:"detail,omitempty" doc:"the peer's own words, and the fix where we know one"`
	Attempt     int               `json:"attempt" doc:"connection attempts since it was last live"`
	NextRetry   *time.Time        `json:"next_retry,omitempty"`
	LastLive    *time.Time        `json:"last_live,omitempty" doc:"when it was live last"`
	Preflight   Preflight         `json:"preflight"`
	Bytes       uint64            `json:"bytes" doc:"media bytes written since the process started"`
	Frames      uint64            `json:"frames"`
	Skipped     map[string]uint64 `json:"skipped" doc:"frames not sent, by reason"`
	Attempts    uint64            `json:"attempts_total"`
	Failures    map[string]uint64 `json:"failures_total" doc:"by cause"`
	LagSeconds  float64           `json:"lag_seconds" doc:"age of the oldest media that the peer's machine has not taken yet"`
	UnsentBytes int               `json:"unsent_bytes" doc:"bytes that wait in the socket"`
	Overlays    CarriedStatus     `json:"overlays"`
}

// Preflight is the verdict of a destination's platform profile on the stream as it is now.
type Preflight struct {
	Verdict string           `json:"verdict" enum:"unknown,ok,warn,fail" doc:"fail: the platform cannot take this; warn: it may look bad or be refused"`
	Checks  []PreflightCheck `json:"checks,omitempty" doc:"what is not ok, and what a bridge makes so"`
}

// PreflightCheck is one thing that the platform wants otherwise, or that a bridge makes as it wants it: ok.
type PreflightCheck struct {
	Subject string `json:"subject" enum:"codec,size,orientation,fps,bitrate,key_interval,b_frames,audio"`
	Verdict string `json:"verdict" enum:"ok,warn,fail"`
	Detail  string `json:"detail" doc:"what is wrong and the OBS setting that mends it, or what the bridge does"`
}
