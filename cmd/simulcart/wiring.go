package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	rtmpout "github.com/simulcart/simulcart/outputs/rtmp"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/transcode"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// constructors is the table of outputs that push, by the scheme of their URL. A new kind of output is a line here.
func constructors(dialer *outputs.Dialer, fit outputs.Fit, log *slog.Logger) map[string]control.Constructor {
	push := func(a control.Assignment) (outputs.Output, error) { return newPush(a, dialer, fit, log) }
	return map[string]control.Constructor{"rtmp": push, "rtmps": push}
}

// newPush makes an RTMP destination from its settings and its platform's profile.
func newPush(a control.Assignment, dialer *outputs.Dialer, fit outputs.Fit, log *slog.Logger) (outputs.Output, error) {
	d, p := a.Destination, a.Profile
	url, err := rtmp.ParseURL(d.Server.Reveal())
	if err != nil {
		return nil, err
	}
	push := &rtmpout.Push{
		Name: a.Name, URL: url, Key: d.Key, Dialer: dialer, Progress: a.Progress, Log: log,
		ChunkSize: p.ChunkSize, Coalesce: p.Coalesce, Plain: !p.Enhanced,
		Overlays: p.Overlays, View: &d.View, PassData: d.PassData, Carried: a.Carried,
		Takes: p.Takes, Fit: fit,
	}
	if d.Overlays != nil {
		push.Overlays = *d.Overlays
	}
	if d.ChunkSize != 0 {
		push.ChunkSize = d.ChunkSize
	}
	if d.Coalesce != nil {
		push.Coalesce = *d.Coalesce
	}
	if d.Enhanced != nil {
		push.Plain = !*d.Enhanced
		if *d.Enhanced {
			push.Form = flv.Enhanced
		}
	}
	push.TLS, err = trust(d.TLS)
	return push, err
}

// fitting gives what an output that takes some codecs only reads in a stream's place: the rendition that its bridges make.
func fitting(b *transcode.Bench) outputs.Fit {
	return func(takes func(media.Codec) bool) relay.Choose {
		return func(base *relay.Stream, tracks []*media.Track) *relay.Stream {
			if kind, ok := transcode.For(tracks, takes); ok {
				return b.Stream(base.Name(), kind)
			}
			return base
		}
	}
}

// trust makes the TLS settings of a destination.
func trust(t control.TLS) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: max(t.MinVersion, tls.VersionTLS12)}
	if t.CA == "" {
		return c, nil
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
		return nil, errors.New("tls.ca: no certificate in it")
	}
	return c, nil
}

// player serves RTMP play from the hub: ingest/rtmp.Server hands its players to it.
func player(hub *relay.Hub, c *control.Controller, fit outputs.Fit) func(ctx context.Context, stream, partner string, conn *rtmp.Conn, r *rtmp.Request) error {
	return func(ctx context.Context, stream, partner string, conn *rtmp.Conn, r *rtmp.Request) error {
		s := hub.Stream(stream)
		feed, known := c.Feed(stream, partner, access.RTMP)
		if !known || !s.Snapshot().Live {
			_ = r.Reject(rtmp.CodePlayNotFound, "the stream is not live: try again in a moment")
			return conn.Close()
		}
		play := &rtmpout.Play{
			Request: r, Conn: conn, Output: feed.Output, Fit: fit,
			Overlays: outputs.CarriesSEI | outputs.CarriesAMF, View: feed.View, Carried: feed.Carried,
		}
		if err := play.Run(ctx, s); err != nil {
			return fmt.Errorf("play %s: %w", stream, err)
		}
		return nil
	}
}
