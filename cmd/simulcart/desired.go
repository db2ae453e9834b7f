package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
)

// desiredOf maps the configuration to the desired state: the only place where the two meet. It reads the files that
// destinations name, so that a change of their content is a change of the destination.
func desiredOf(c *config.Config) (control.Desired, error) {
	d := control.Desired{Streams: make(map[string]control.Stream, len(c.Streams))}
	for id, s := range c.Streams {
		stream := control.Stream{
			Key: access.DigestOf(s.Key.Reveal()), Public: s.Public, Ingest: ingestOptions(s),
			Destinations: make(map[string]control.Destination, len(s.Destinations)),
		}
		for name, dest := range s.Destinations {
			mapped, err := destinationOf(dest)
			if err != nil {
				return control.Desired{}, fmt.Errorf("streams.%s.destinations.%s: %w", id, name, err)
			}
			stream.Destinations[name] = mapped
		}
		d.Streams[id] = stream
	}
	return d, nil
}

func ingestOptions(s config.Stream) ingest.Options {
	o := ingest.Options{Hold: s.Hold}
	if s.OnEnd == config.Hold {
		o.OnEnd = ingest.HoldSession
	}
	if s.Policy == config.Reject {
		o.Policy = ingest.Reject
	}
	return o
}

func destinationOf(c config.Destination) (control.Destination, error) {
	d := control.Destination{
		Platform: c.Platform.String(), Coalesce: c.Coalesce, Enhanced: c.Enhanced, Paused: c.Paused,
		TLS: control.TLS{ServerName: c.TLS.ServerName, MinVersion: c.TLS.MinVersion},
	}
	if c.ChunkSize != nil {
		d.ChunkSize = *c.ChunkSize
	}
	server, key := splitKey(c.URL.Reveal(), c.Key.Reveal())
	d.Server, d.Key, d.URL = access.NewSecret(server), access.NewSecret(key), masked(server)
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return control.Destination{}, fmt.Errorf("read tls.ca: %w", err)
		}
		d.TLS.CA = string(pem)
	}
	return d, nil
}

// splitKey takes the key from the end of the URL's path where it is not given beside it.
func splitKey(server, key string) (string, string) {
	if key != "" {
		return server, key
	}
	i := strings.LastIndexByte(server, '/')
	return server[:i], server[i+1:]
}

// masked gives a server URL as it may be shown: without the query, which may hold a token.
func masked(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
