package control

import (
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
)

// Desired is what the node should be doing: it comes from the configuration file now, from a store later.
type Desired struct {
	Streams  map[string]Stream  // by id
	Tokens   []access.Token     // of the API
	Partners map[string]Partner // by name
	Catalog  []*overlay.Product // that all streams share
}

// Stream is one stream's desired state.
type Stream struct {
	Key          access.Digest  // of the publisher's stream key
	Public       bool           // anybody may play it
	Ingest       ingest.Options // without the timeline, which is the controller's
	EncoderDelay time.Duration  // from the creator's eyes to the stream: what a change as of what was seen waits; 0: as measured
	Catalog      []*overlay.Product
	Destinations map[string]Destination // by name
}

// Partner is who pulls feeds.
type Partner struct {
	Contract access.Contract // with the partner's name
	View     overlay.View    // of overlay states, in all its feeds
}

// Destination is one place to push a stream to. Zero values of Coalesce, ChunkSize, Enhanced and Overlays mean: as the
// platform's profile says.
type Destination struct {
	Platform  string        // name of a profile
	URL       string        // server URL as it may be shown, without key and query
	Server    access.Secret // the whole server URL, without the key
	Key       access.Secret
	Coalesce  *time.Duration    // collecting time of writes
	ChunkSize int               // of RTMP, bytes
	Enhanced  *bool             // whether FourCC is used for H.264 and AAC too, and announced
	Overlays  *outputs.Carriage // of overlay states
	View      overlay.View      // of them; the zero value is the neutral one
	PassData  bool              // the encoder's own data messages too
	Paused    bool
	TLS       TLS
}

// TLS is how a destination is trusted. The zero value means the system's authorities and TLS 1.2 or later.
type TLS struct {
	CA         string // PEM of the authorities to trust instead of the system's
	ServerName string // in place of the URL's host
	MinVersion uint16 // as in crypto/tls; 0 means TLS 1.2
}
