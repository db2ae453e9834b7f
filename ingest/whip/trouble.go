package whip

import (
	"errors"
	"time"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/sei"
)

// What is wrong with overlay messages of an encoder.
var (
	errUntrusted = errors.New("it sends overlay messages under our name, which are taken out; trust_overlays: true in the stream's configuration makes cues of them")
	errMalformed = errors.New("it sends overlay messages that cannot be read, which are taken out")
)

// trouble is what cannot be relayed, said once in a while.
type trouble struct {
	troubles int
	said     time.Time
}

// complain says what is wrong with what comes; nil is nothing.
func (p *session) complain(err error) {
	if err == nil {
		return
	}
	p.troubles++
	if now := time.Now(); now.Sub(p.said) >= complainEach {
		p.log.Warn("publisher sends what cannot be relayed", "count", p.troubles, "err", err)
		p.said, p.troubles = now, 0
	}
}

// cleanse takes overlay messages under our name out of a picture, since outputs believe them, and hands them over. False says that
// nothing is left.
func (p *session) cleanse(f *media.Frame) bool {
	clean, found := sei.Strip(f.Track.Codec, f.Data)
	if !found {
		return true
	}
	read := false
	for payload, err := range sei.Payloads(f.Track.Codec, f.Data) {
		if err != nil {
			continue
		}
		read = true
		if !p.pub.Overlay(f.PTS, payload) {
			p.complain(errUntrusted)
		}
	}
	if !read {
		p.pub.Drop(ingest.DropOverlay)
		p.complain(errMalformed)
	}
	f.Data = clean
	return len(clean) > 0
}
