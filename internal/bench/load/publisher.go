package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// A Publisher sends a clip over and over, in real time.
type Publisher struct {
	load *Load
	s    *peer.Session
	key  string
	stop chan struct{}
	sent atomic.Int64 // bytes of media
	err  error        // once sending is over

	sending, listening sync.WaitGroup

	pictures [clip.Group]packed
	sound    packed
}

// packed is a message in chunks, to be sent again and again.
type packed struct {
	chunks []byte
	length int // of the body
	stamp  int // where in chunks; 0: nowhere
}

// Publish begins to publish a clip under a key. It begins after delay, so that several do not beat as one.
func (l *Load) Publish(addr, key string, c *clip.Clip, delay time.Duration) (*Publisher, error) {
	s, err := peer.Dial(addr)
	if err != nil {
		return nil, err
	}
	if err := s.Publish(key); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("publish to %s: %w", addr, err)
	}
	p := &Publisher{load: l, s: s, key: key, stop: make(chan struct{})}
	for i := range p.pictures {
		p.pictures[i] = packPicture(c, i)
	}
	p.sound = pack(rtmp.TypeAudio, append(soundHead(c, 1), c.Sound...))
	p.listening.Go(func() { // what the server says meanwhile
		for {
			if _, err := s.Next(); err != nil {
				return
			}
		}
	})
	p.sending.Go(func() {
		if p.err = p.configure(c); p.err == nil {
			p.err = p.run(c.Timeline(), delay)
		}
	})
	return p, nil
}

// soundHead stands in front of the sound's configuration (0) and of its frames (1): Adobe Video File Format 10.1 §E.4.2, and for Opus
// Enhanced RTMP v2, ExAudioTagHeader.
func soundHead(c *clip.Clip, packet byte) []byte {
	if c.Opus {
		return append([]byte{9<<4 | packet}, "Opus"...)
	}
	return []byte{0xAF, packet}
}

// packPicture makes the message of a picture (Adobe Video File Format 10.1 §E.4.3).
func packPicture(c *clip.Clip, n int) packed {
	data, at := c.Picture(n)
	head := []byte{0x27, 1, 0, 0, 0}
	if n == 0 {
		head[0] = 0x17
	}
	p := pack(rtmp.TypeVideo, append(head, data...))
	p.stamp = peer.HeaderSize + len(head) + at // in the first chunk
	return p
}

func pack(kind rtmp.MessageType, body []byte) packed {
	return packed{chunks: peer.Append(nil, kind, 0, body), length: len(body)}
}

// configure sends metadata and both sequence headers.
func (p *Publisher) configure(c *clip.Clip) error {
	meta := amf.Append(nil, "@setDataFrame", "onMetaData", amf.ECMA{
		{Key: "width", Value: 1280.0},
		{Key: "height", Value: 720.0},
		{Key: "framerate", Value: float64(clip.Rate)},
		{Key: "videocodecid", Value: 7.0},
		{Key: "audiocodecid", Value: 10.0},
		{Key: "audiosamplerate", Value: float64(clip.SampleRate)},
	})
	avc := append([]byte{0x17, 0, 0, 0, 0, 1}, c.SPS[1:4]...)
	avc = append(avc, 0xFF, 0xE1, 0, byte(len(c.SPS)))
	avc = append(append(avc, c.SPS...), 1, 0, byte(len(c.PPS)))
	avc = append(avc, c.PPS...)
	out := peer.Append(nil, rtmp.TypeData, 0, meta)
	out = peer.Append(out, rtmp.TypeVideo, 0, avc)
	out = peer.Append(out, rtmp.TypeAudio, 0, append(soundHead(c, 0), c.Config...))
	_, err := p.s.Write(out)
	return err
}

// run sends frames at their times, until it is told to stop.
func (p *Publisher) run(timeline *clip.Timeline, delay time.Duration) error {
	start := p.load.now() + delay
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		e := timeline.Next()
		due.Reset(start + e.At - p.load.now())
		select {
		case <-p.stop:
			return nil
		case <-due.C:
		}
		m := &p.sound
		if e.Video {
			m = &p.pictures[e.Number%clip.Group]
			now := p.load.now()
			clip.Put(m.chunks[m.stamp:], now, e.Number)
			p.load.sent[e.Number%len(p.load.sent)].Store(int64(now))
		}
		peer.SetTime(m.chunks, e.At.Milliseconds())
		if _, err := p.s.Write(m.chunks); err != nil {
			return err
		}
		p.sent.Add(int64(m.length))
	}
}

// Sent gives the bytes of media that were sent so far.
func (p *Publisher) Sent() int64 { return p.sent.Load() }

// Close ends the publisher cleanly, and gives what had ended it before.
func (p *Publisher) Close() error {
	close(p.stop)
	_ = p.s.SetDeadline(time.Now().Add(time.Second))
	p.sending.Wait()
	if p.err == nil {
		_ = p.s.Unpublish(p.key) // a server that is gone needs none
	}
	_ = p.s.Close()
	p.listening.Wait()
	return p.err
}
