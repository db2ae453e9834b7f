package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/rtsp"
)

// pull plays an RTSP address, over its own connection.
func (c *tailCommand) pull(ctx context.Context) (next func(*tail) error, err error) {
	u, err := rtsp.ParseURL(c.Source)
	if err != nil {
		return nil, fmt.Errorf("the address: %w: write rtsp://PARTNER:TOKEN@HOST:8554/STREAM", err)
	}
	nc, err := c.dial(ctx, u.Address(), u.TLS)
	if err != nil {
		return nil, err
	}
	client := rtsp.NewClient(nc, u)
	client.UserAgent = "simulcart overlay tail"
	p, err := newPuller(client)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	alive := time.NewTicker(client.Timeout() / 3)
	context.AfterFunc(ctx, alive.Stop)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-alive.C:
				if client.KeepAlive() != nil {
					return // reading says why
				}
			}
		}
	}()
	return p.next, nil
}

// puller reads the pictures of an RTSP session.
type puller struct {
	client  *rtsp.Client
	codec   media.Codec
	channel uint8
	clock   rtp.Timeline
	maker   *rtp.Depacketizer
}

var errNoVideo = errors.New("the stream has no video in H.264, HEVC or AV1, and RTSP carries overlay states in pictures alone")

// newPuller goes through the dialogue up to PLAY.
func newPuller(client *rtsp.Client) (*puller, error) {
	if err := client.Options(); err != nil {
		return nil, fmt.Errorf("ask for the methods: %w", err)
	}
	d, err := client.Describe()
	if err != nil {
		return nil, fmt.Errorf("describe: %w: is the stream live, and may you play it?", err)
	}
	for _, m := range d.Medias {
		if m.Track == nil || !m.Track.Codec.IsVideo() {
			continue
		}
		p := &puller{client: client, codec: m.Track.Codec}
		if p.maker, err = rtp.NewDepacketizer(m.Track, 0); err != nil {
			return nil, err
		}
		channels, err := client.Setup(0, m)
		if err != nil {
			return nil, fmt.Errorf("set up the pictures: %w", err)
		}
		info, err := client.Play()
		if err != nil {
			return nil, fmt.Errorf("play: %w", err)
		}
		p.channel, p.clock = uint8(channels.RTP), rtp.Timeline{Rate: 90_000}
		if len(info) > 0 {
			p.clock.Base = info[0].Timestamp
		}
		return p, nil
	}
	return nil, errNoVideo
}

// next hands the pictures of the next packet to a tail.
func (p *puller) next(t *tail) error {
	f, err := p.client.Read()
	if err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	if f.Channel != p.channel {
		return nil
	}
	packet, err := rtp.ParsePacket(f.Data)
	if err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	frames, err := p.maker.Push(packet)
	if err != nil && t.unread.err == nil {
		t.unread.err = err
	}
	if err != nil {
		t.unread.number++
	}
	for _, got := range frames {
		t.picture(p.codec, p.clock.Time(got.Timestamp).Ticks(1000), got.Data)
	}
	return nil
}
