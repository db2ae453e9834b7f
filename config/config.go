// Package config reads simulcart's one file: typed sections, their defaults, and every fault with its line and key.
//
// The flow of a file:
//
//  1. document.go bounds the bytes and turns them into a tree, without anchors, tags or deep nesting.
//  2. reader.go walks the tree with one small reader per type; sections.go and streams.go say which keys there are.
//  3. expand.go replaces ${NAME} in values; files.go reads key files and looks at certificates.
//  4. check.go looks at what several keys say together: ports, equal keys, numbers of things.
//
// All faults are collected and given at once. No text of a fault holds a key, a URL or a value of the environment.
package config

import (
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Sample is a file that says every key with a comment. As it stands it means the same as an empty file.
//
//go:embed sample.yaml
var Sample string

// Config is the whole file. Paths in it are resolved against the file's folder, variables are replaced.
type Config struct {
	RTMP                     Listener           // plain RTMP, publish and play; default :1935
	RTMPS                    TLSListener        // RTMP behind TLS; default off, :1936 where the section is there
	RTSP                     RTSPListener       // RTSP, feeds; default off, :8554 where the section is there
	RTSPS                    TLSListener        // the same behind TLS; default off
	HLS                      HLS                //
	Webrtc                   WebRTC             // default off; ports :8189 where the section is there
	HTTP                     Listener           // status page and API; default :8080
	HTTPS                    TLSListener        // the same behind TLS, with HTTP/2; default off, :8443 where the section is there
	Metrics                  Listener           // /metrics, /healthz, /readyz; default 127.0.0.1:9464
	Log                      Log                //
	Debug                    bool               // pprof on the metrics listener
	AllowPrivateDestinations bool               // push to loopback, private and link-local addresses too
	Limits                   Limits             //
	Drain                    time.Duration      // the longest that a shutdown takes, 0 to 5 min; default 10 s
	Tokens                   []Token            // of the API; without any it answers reads on loopback only
	Catalog                  *Catalog           // products that all streams share; nil: none
	Partners                 map[string]Partner // by name, [A-Za-z0-9_-]{1,64}; nil where there is none
	Streams                  map[string]Stream  // by stream id, [A-Za-z0-9_-]{1,64}; nil where there is none

	Warnings []Fault  // what works, but is likely not meant
	Files    []string // every other file that was looked at (keys, certificates), sorted, for who watches for changes
}

// Listener says where to listen.
type Listener struct {
	Listen string // host:port, an empty host means all addresses, port 0 any free port; "" means off
}

// RTSPListener is a [Listener] of RTSP.
type RTSPListener struct {
	Listen string // as in [Listener]
	UDP    string // where RTP is sent from, for clients that ask for UDP: as Listen, with an even port; RTCP has the next one
}

// TLSListener is a [Listener] with a certificate.
type TLSListener struct {
	Listen string // as in [Listener]
	Cert   string // path of the PEM certificate chain; "" only where Listen is off
	Key    string // path of the PEM private key; "" only where Listen is off
}

// HLS says how streams are packaged for feeds over HTTP.
type HLS struct {
	Segment   time.Duration // wish for the length of a segment, 1 to 10 s, default 2 s: the next key frame ends it
	Part      time.Duration // wish for the length of a part, 100 ms to 1 s, default 200 ms
	Window    time.Duration // that playlists list, 10 s to 30 min, default 30 s; what is older than 1 min lies on disk
	Folder    string        // for that; "": the system's temporary folder
	Always    bool          // segments are made whether somebody asks or not
	AudioOnly bool          // a second playlist has the sound alone
	Origins   []string      // of web pages that may load streams; "*": all
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level // debug, info, warn or error
	Format LogFormat  //
}

// Limits are the bounds that an operator may change.
type Limits struct {
	DestinationsPerStream int // 1 to 512, default 64
	Streams               int // 1 to 1000, default 200
	UnauthenticatedPerIP  int // RTMP and RTSP connections that do not publish or play yet, per address, 1 to 4096, default 64
	Unauthenticated       int // the same for all addresses together, 1 to 16384 and at least that per IP, default 1024; about 9 KiB each
}

// Stream is one durable thing that a creator publishes to.
type Stream struct {
	Key          Secret         // the publish key, 22 to 128 characters, from key or key_file
	Hold         time.Duration  // how long outputs outlive a lost publisher, 0 to 1800 s, default 120 s
	OnEnd        EndPolicy      // what a clean end by the encoder does
	Policy       TakeoverPolicy // what a second publisher with the same key does
	Public       bool           // feeds without a token
	Catalog      *Catalog       // products of its own; nil: none
	EncoderDelay time.Duration  // from the creator's eyes to here, 0 to 10 s: what a change as of what was seen waits; 0: as measured

	TrustOverlays bool // what the encoder sends under our name becomes cues; else it is taken out

	Destinations map[string]Destination // by name, [A-Za-z0-9_-]{1,64}; nil where there is none
}

// Destination is one place that a stream is pushed to. A nil pointer means what the platform's profile says.
type Destination struct {
	Platform  Platform       //
	URL       Secret         // rtmp or rtmps, at most 2048 characters; a Secret, since some platforms put the key into the path
	Key       Secret         // the stream name that the platform gave, at most 512 characters; empty only where the URL's path has it
	Coalesce  *time.Duration // collecting time before a write, 0 to 1 s; with 0 pictures go at once, and sound with the next one
	ChunkSize *int           // bytes of an RTMP chunk that we send, 128 to 16777215
	Enhanced  *bool          // Enhanced RTMP's FourCC form for all codecs (true) or the legacy form (false)
	Overlays  *string        // how overlay states are carried: off, sei, amf or sei+amf; nil: as the platform's profile says
	View      *View          // of them; nil: the neutral one
	PassData  bool           // the encoder's own data messages go there too
	Paused    bool           // known, but not pushed to
	TLS       TLS            // only for rtmps
}

// TLS says how an rtmps destination is verified. Verification cannot be switched off.
type TLS struct {
	CA         string // path of PEM certificates that are trusted instead of the system's; "" for the system's
	ServerName string // name for SNI and verification; "" for the URL's host
	MinVersion uint16 // tls.VersionTLS12 or tls.VersionTLS13; 0 means TLS 1.2
}

// The largest file that is read, in bytes. 200 streams with 64 destinations each need about 2 MiB.
const maxFile = 4 << 20

// Default is what an empty file means.
func Default() *Config {
	return &Config{
		RTMP:    Listener{Listen: ":1935"},
		HLS:     HLS{Segment: 2 * time.Second, Part: 200 * time.Millisecond, Window: 30 * time.Second},
		HTTP:    Listener{Listen: ":8080"},
		Metrics: Listener{Listen: "127.0.0.1:9464"},
		Limits:  Limits{DestinationsPerStream: 64, Streams: 200, UnauthenticatedPerIP: 64, Unauthenticated: 1024},
		Drain:   10 * time.Second,
	}
}

// Load reads the file at path with the environment of the process. What is wrong with its content comes as [Faults].
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse reads data as the file called name, which need not exist: it is what faults print, and relative paths start at
// its folder. The values of ${NAME} come from env; nil means that no variable is set. Key files and certificates are
// read from disk. An error is always [Faults], ordered by line.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	r := &reader{file: name, dir: filepath.Dir(name), env: env, at: make(map[string]place), files: make(map[string]bool)}
	c := Default()
	if root := r.document(data); root != nil {
		r.config(value{node: root, key: place{1, 1}}, c)
		r.check(c)
	}
	if len(r.faults) > 0 {
		return nil, r.faults.sorted()
	}
	c.Warnings = r.warnings.sorted()
	c.Files = r.fileNames()
	return c, nil
}
