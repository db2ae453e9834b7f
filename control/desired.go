package control

import (
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
)

// Desired is what the node should be doing: it comes from the configuration file now, from a store later.
type Desired struct {
	Streams map[string]Stream // by id
}

// Stream is one stream's desired state.
type Stream struct {
	Key          access.Digest // of the publisher's stream key
	Public       bool          // anybody may play it
	Ingest       ingest.Options
	Destinations map[string]Destination // by name
}

// Destination is one place to push a stream to. Zero values of Coalesce, ChunkSize and Enhanced mean: as the platform's
// profile says.
type Destination struct {
	Platform  string        // name of a profile
	URL       string        // server URL as it may be shown, without key and query
	Server    access.Secret // the whole server URL, without the key
	Key       access.Secret
	Coalesce  *time.Duration // collecting time of writes
	ChunkSize int            // of RTMP, bytes
	Enhanced  *bool          // whether FourCC is used for H.264 and AAC too, and announced
	Paused    bool
	TLS       TLS
}

// TLS is how a destination is trusted. The zero value means the system's authorities and TLS 1.2 or later.
type TLS struct {
	CA         string // PEM of the authorities to trust instead of the system's
	ServerName string // in place of the URL's host
	MinVersion uint16 // as in crypto/tls; 0 means TLS 1.2
}
