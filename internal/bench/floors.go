//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/simulcart/simulcart/internal/bench/floor"
)

// floorOptions are those of a floor in Go.
type floorOptions struct {
	floor.Floor

	listen     string // for publishers
	ca         string // file of certificates to trust: the outputs are behind TLS
	pull, srtp string // for readers, and for viewers
	hls        floor.HLS
	byHLS      bool
	segments   bool
}

// runFloor is a floor in Go.
func runFloor(ctx context.Context, args []string, stderr io.Writer) error {
	var o floorOptions
	f := flag.NewFlagSet("bench floor", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.listen, "listen", "", "address for publishers")
	f.StringVar(&o.Sink, "sink", "", "address of the outputs")
	f.IntVar(&o.Outputs, "outputs", 1, "outputs of each publisher")
	f.DurationVar(&o.Collect, "collect", 0, "time to collect before a write")
	f.BoolVar(&o.Loop, "loop", false, "one goroutine writes to all outputs, each message at once")
	f.StringVar(&o.ca, "ca", "", "file of certificates to trust: outputs are behind TLS")
	f.StringVar(&o.pull, "pull", "", "address for readers over RTSP, in place of the outputs")
	f.BoolVar(&o.byHLS, "hls", false, "the readers come over HLS")
	f.DurationVar(&o.hls.Part, "part", 0, "length of their parts, 0 for none")
	f.StringVar(&o.srtp, "srtp", "", "address for viewers over SRTP, in place of the outputs")
	f.BoolVar(&o.segments, "segments", false, "the kernel cuts their datagrams")
	if err := f.Parse(args); err != nil {
		return err
	}
	publishers, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	switch {
	case o.srtp != "":
		return o.serveViewers(ctx, publishers)
	case o.pull != "":
		return o.serveReaders(ctx, publishers)
	}
	if o.ca != "" {
		if o.TLS, err = trusting(o.ca); err != nil {
			return err
		}
	}
	return o.Run(ctx, publishers)
}

func (o *floorOptions) serveReaders(ctx context.Context, publishers net.Listener) error {
	readers, err := net.Listen("tcp", o.pull)
	if err != nil {
		return err
	}
	if o.byHLS {
		return o.hls.Run(ctx, publishers, readers)
	}
	return (&floor.RTSP{}).Run(ctx, publishers, readers)
}

func (o *floorOptions) serveViewers(ctx context.Context, publishers net.Listener) error {
	addr, err := net.ResolveUDPAddr("udp", o.srtp)
	if err != nil {
		return err
	}
	viewers, err := net.ListenUDP("udp", addr)
	if err != nil {
		return err
	}
	return (&floor.SRTP{Segments: o.segments}).Run(ctx, publishers, viewers)
}

// trusting is TLS towards who has a certificate of a file.
func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true}, nil
}
