package flv

import (
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flac"
	"github.com/simulcart/simulcart/wire/opus"
)

// AppendConfig appends the body of a [SequenceStart] of t, which goes behind its header (Enhanced RTMP v2, "Enhanced Video",
// "Enhanced Audio"). It is the track's Config but for two codecs:
//
//	Opus   OpusHead (RFC 7845 §5.1) in place of dOps
//	FLAC   "fLaC" and a block header in front of STREAMINFO
//
// vpcC keeps its box's version and flags, which readers of Enhanced RTMP look for. Codecs without a configuration have an
// empty body. It fails where Config cannot be read.
func AppendConfig(dst []byte, t *media.Track) ([]byte, error) {
	switch t.Codec {
	case media.Opus:
		head, err := opus.ParseConfig(t.Config)
		if err != nil {
			return dst, fmt.Errorf("write opus sequence start: %w", err)
		}
		return head.AppendHead(dst), nil
	case media.FLAC:
		info, err := flac.ParseConfig(t.Config)
		if err != nil {
			return dst, fmt.Errorf("write flac sequence start: %w", err)
		}
		return info.AppendHeader(dst), nil
	}
	return append(dst, t.Config...), nil
}
