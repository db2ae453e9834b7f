package rtmp

import (
	"errors"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// What is wrong with overlay messages of an encoder.
var (
	errUntrusted = errors.New("it sends overlay messages under our name, which are taken out; trust_overlays: true in the stream's configuration makes cues of them")
	errMalformed = errors.New("it sends overlay messages that cannot be read, which are taken out")
)

// cleanse takes overlay messages under our name out of a picture, since outputs believe them, and hands them over. False says that
// nothing is left.
func (p *publisher) cleanse(f *media.Frame) bool {
	clean, found := sei.Strip(f.Track.Codec, f.Data)
	if !found {
		return true
	}
	read := false
	for payload, err := range sei.Payloads(f.Track.Codec, f.Data) {
		if err == nil {
			read = true
			p.overlay(f.PTS, payload)
		}
	}
	if !read {
		p.pub.Drop(ingest.DropOverlay)
		p.complain(errMalformed)
	}
	f.Data = clean
	return len(clean) > 0
}

// data relays a data message of the encoder, unless it is an overlay message.
func (p *publisher) data(f *media.Frame) error {
	if text, err := flv.ParseText(f.Data); err == nil && overlay.IsMessage(text) {
		p.overlay(f.PTS, text)
		return nil
	}
	return p.pub.WriteFrame(f)
}

// overlay hands over an overlay message for the picture with the encoder's time at.
func (p *publisher) overlay(at media.Time, text []byte) {
	if !p.pub.Overlay(at, text) {
		p.complain(errUntrusted)
	}
}
