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
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/overlay/feed"
)

// desiredOf maps the configuration to the desired state: the only place where the two meet. It reads the files that
// destinations name, so that a change of their content is a change of the destination.
func desiredOf(c *config.Config) (control.Desired, error) {
	d := control.Desired{Streams: make(map[string]control.Stream, len(c.Streams)), Tokens: tokensOf(c)}
	var err error
	if d.Catalog, err = productsOf(c.Catalog); err != nil {
		return control.Desired{}, fmt.Errorf("catalog: %w", err)
	}
	if d.Partners, err = partnersOf(c.Partners); err != nil {
		return control.Desired{}, err
	}
	for id, s := range c.Streams {
		stream := control.Stream{
			Key: access.DigestOf(s.Key.Reveal()), Public: s.Public, Ingest: ingestOptions(s), EncoderDelay: s.EncoderDelay,
			Destinations: make(map[string]control.Destination, len(s.Destinations)),
		}
		if stream.Catalog, err = productsOf(s.Catalog); err != nil {
			return control.Desired{}, fmt.Errorf("streams.%s.catalog: %w", id, err)
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

// productsOf reads a file of products; nil for none.
func productsOf(c *config.Catalog) ([]*overlay.Product, error) {
	if c == nil {
		return nil, nil
	}
	o := feed.Options{Shop: c.Shop, Currency: c.Currency, Lang: c.Lang}
	if err := o.Format.UnmarshalText([]byte(c.Format)); err != nil {
		return nil, err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	defer f.Close()
	return feed.Read(c.File, f, o)
}

// tokensOf gives the tokens of the API, as digests.
func tokensOf(c *config.Config) []access.Token {
	tokens := make([]access.Token, 0, len(c.Tokens))
	for _, t := range c.Tokens {
		role := access.Reader
		switch t.Role {
		case config.Admin:
			role = access.Admin
		case config.Creator:
			role = access.Creator
		case config.Reader:
		}
		tokens = append(tokens, access.Token{Name: t.Name, Digest: access.DigestOf(t.Token.Reveal()), Role: role, Stream: t.Stream})
	}
	return tokens
}

// partnersOf gives the contracts.
func partnersOf(partners map[string]config.Partner) (map[string]control.Partner, error) {
	all := make(map[string]control.Partner, len(partners))
	for name, p := range partners {
		of := control.Partner{Contract: access.Contract{
			Partner: name, Digest: access.DigestOf(p.Token.Reveal()), Login: access.LoginOf(name, p.Token.Reveal()), Streams: p.Streams, MaxConnections: p.MaxConnections, Expires: p.Expires,
		}}
		for _, word := range p.Protocols {
			over, err := access.ParseProtocol(word)
			if err != nil {
				return nil, fmt.Errorf("partners.%s.protocols: %w", name, err)
			}
			of.Contract.Protocols = append(of.Contract.Protocols, over)
		}
		if p.View != nil {
			var err error
			if of.View, err = viewOf(p.View); err != nil {
				return nil, fmt.Errorf("partners.%s.view: %w", name, err)
			}
		}
		all[name] = of
	}
	return all, nil
}

func ingestOptions(s config.Stream) ingest.Options {
	o := ingest.Options{Hold: s.Hold, TrustOverlays: s.TrustOverlays}
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
		Platform: c.Platform.String(), Coalesce: c.Coalesce, Enhanced: c.Enhanced, Paused: c.Paused, PassData: c.PassData,
		TLS: control.TLS{ServerName: c.TLS.ServerName, MinVersion: c.TLS.MinVersion},
	}
	if c.ChunkSize != nil {
		d.ChunkSize = *c.ChunkSize
	}
	server, key := splitKey(c.URL.Reveal(), c.Key.Reveal())
	d.Server, d.Key, d.URL = access.NewSecret(server), access.NewSecret(key), masked(server)
	var err error
	if c.Overlays != nil {
		carriage, err := outputs.ParseCarriage(*c.Overlays)
		if err != nil {
			return control.Destination{}, fmt.Errorf("overlays: %w", err)
		}
		d.Overlays = &carriage
	}
	if c.View != nil {
		if d.View, err = viewOf(c.View); err != nil {
			return control.Destination{}, fmt.Errorf("view: %w", err)
		}
	}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return control.Destination{}, fmt.Errorf("read tls.ca: %w", err)
		}
		d.TLS.CA = string(pem)
	}
	return d, nil
}

// viewOf gives what a destination may see of overlay states.
func viewOf(c *config.View) (overlay.View, error) {
	v := overlay.View{Currency: c.Currency, Locale: c.Locale, Link: c.Link}
	for _, name := range c.Hide {
		field, err := overlay.ParseField(name)
		if err != nil {
			return v, err
		}
		v.Hide |= field
	}
	return v, v.Validate()
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
