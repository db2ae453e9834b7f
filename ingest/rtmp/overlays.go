package rtmp

import (
	"errors"
	"slices"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/amf"
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

// data relays a data message of the encoder, unless it is an overlay message, or one stands in any of its texts: which of them counts,
// receivers judge differently.
func (p *publisher) data(f *media.Frame) error {
	if text, err := flv.ParseText(f.Data); err == nil && overlay.IsMessage(text) {
		p.overlay(f.PTS, text)
		return nil
	}
	if values, _ := amf.DecodeAll(f.Data); holdsMessage(values...) { // the demuxer has read it before
		p.pub.Drop(ingest.DropOverlay)
		p.complain(errMalformed)
		return nil
	}
	return p.pub.WriteFrame(f)
}

// holdsMessage says whether any text within AMF0 values is an overlay message.
func holdsMessage(values ...any) bool {
	return slices.ContainsFunc(values, func(value any) bool {
		member := func(m amf.Member) bool { return holdsMessage(m.Value) }
		switch v := value.(type) {
		case string:
			return overlay.IsMessage([]byte(v))
		case amf.XML:
			return overlay.IsMessage([]byte(v))
		case amf.Array:
			return holdsMessage(v...)
		case amf.Object:
			return slices.ContainsFunc(v, member)
		case amf.ECMA:
			return slices.ContainsFunc(v, member)
		}
		return false
	})
}

// overlay hands over an overlay message for the picture with the encoder's time at.
func (p *publisher) overlay(at media.Time, text []byte) {
	if !p.pub.Overlay(at, text) {
		p.complain(errUntrusted)
	}
}
