package flv

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
	facts "github.com/simulcart/simulcart/wire/codec"
)

// Track ids that a Demuxer gives: FLV has one of each.
const (
	videoID    = 0
	audioID    = 1
	metadataID = 2
	dataID     = 3
)

// clockRate is FLV's: milliseconds.
const clockRate = 1000

// Demuxer turns the tags of a stream, from RTMP or from a file, into frames and tracks. The zero value is ready. It relays
// the first track of each kind; the others are counted, and named once.
type Demuxer struct {
	video, audio, metadata *media.Track
	data                   *media.Track
	videoHead, audioHead   []byte // the sequence headers that the tracks were made of
	lengthSize             int    // bytes of a NAL unit's length as the publisher writes it
	named                  map[string]bool
	videos                 []Video // of the tag at hand
	audios                 []Audio
}

// Demuxed is what one tag brought.
type Demuxed struct {
	Frame         *media.Frame // nil: none; its times are the publisher's own, and its Data belongs to it
	TracksChanged bool         // see [Demuxer.Tracks]; set before the first frame of a new track
	Extra         int          // coded packets of further tracks, not relayed
	News          []string     // further tracks seen for the first time
}

// Tracks gives the tracks as they are now: video, audio, metadata, as far as they are known.
func (d *Demuxer) Tracks() []*media.Track {
	var tracks []*media.Track
	for _, t := range []*media.Track{d.video, d.audio, d.metadata} {
		if t != nil {
			tracks = append(tracks, t)
		}
	}
	return tracks
}

// Demux takes the next tag. An error concerns this tag alone: the caller counts it and goes on.
func (d *Demuxer) Demux(t Tag) (Demuxed, error) {
	switch t.Type {
	case TagVideo:
		return d.demuxVideo(t)
	case TagAudio:
		return d.demuxAudio(t)
	case TagData:
		return d.demuxData(t)
	}
	return Demuxed{}, &wire.UnsupportedError{Format: "flv", Msg: fmt.Sprintf("tag type %d", t.Type)}
}

func (d *Demuxer) demuxVideo(t Tag) (got Demuxed, err error) {
	d.videos, err = ParseVideo(t.Body, d.videos[:0]) // what was read before an error is good
	for i := range d.videos {
		v := &d.videos[i]
		if v.TrackID != 0 {
			d.extra(&got, fmt.Sprintf("video %d", v.TrackID), v.Kind == Coded)
			continue
		}
		var fault error
		switch {
		case v.Kind == SequenceStart && len(v.Body) > 0: // FFmpeg sends an empty one first for AV1
			got.TracksChanged, fault = d.configureVideo(v)
		case v.Kind == Coded:
			got.Frame, got.TracksChanged, fault = d.videoFrame(t.Timestamp, v)
		}
		err = cmp.Or(fault, err)
	}
	clear(d.videos)
	return got, err
}

func (d *Demuxer) demuxAudio(t Tag) (got Demuxed, err error) {
	d.audios, err = ParseAudio(t.Body, d.audios[:0]) // what was read before an error is good
	for i := range d.audios {
		a := &d.audios[i]
		if a.TrackID != 0 {
			d.extra(&got, fmt.Sprintf("audio %d", a.TrackID), a.Kind == Coded)
			continue
		}
		var fault error
		switch {
		case a.Kind == SequenceStart && len(a.Body) > 0:
			got.TracksChanged, fault = d.adopt(&d.audio, &d.audioHead, audioID, a.Codec, a.Body)
		case a.Kind == Coded:
			got.Frame, got.TracksChanged, fault = d.audioFrame(t.Timestamp, a)
		}
		err = cmp.Or(fault, err)
	}
	clear(d.audios)
	return got, err
}

// extra counts a packet of a track that is not relayed.
func (d *Demuxer) extra(got *Demuxed, name string, coded bool) {
	if coded {
		got.Extra++
	}
	if d.named == nil {
		d.named = make(map[string]bool)
	}
	if !d.named[name] {
		d.named[name] = true
		got.News = append(got.News, name)
	}
}

// configureVideo takes a sequence header. Frames carry 4-byte NAL unit lengths, whatever the publisher's are.
func (d *Demuxer) configureVideo(v *Video) (changed bool, err error) {
	if d.lengthSize, err = facts.LengthSize(v.Codec, v.Body); err != nil {
		return false, err
	}
	return d.adopt(&d.video, &d.videoHead, videoID, v.Codec, v.Body)
}

// adopt makes a track of a sequence header, unless the track at hand was made of the same: encoders repeat theirs.
func (d *Demuxer) adopt(at **media.Track, head *[]byte, id uint8, c media.Codec, config []byte) (changed bool, err error) {
	if t := *at; t != nil && t.Codec == c && bytes.Equal(*head, config) {
		return false, nil
	}
	t, err := facts.NewTrack(id, c, config)
	if err != nil {
		return false, err
	}
	*at, *head = t, bytes.Clone(config)
	return true, nil
}

// videoFrame makes a frame. Codecs that need no sequence header get their track with the first one.
func (d *Demuxer) videoFrame(ms int64, v *Video) (f *media.Frame, changed bool, err error) {
	if d.video == nil || d.video.Codec != v.Codec {
		if v.Codec != media.VP8 {
			return nil, false, &wire.SyntaxError{Format: "flv video", Msg: v.Codec.String() + " frame before its sequence header"}
		}
		if changed, err = d.adopt(&d.video, &d.videoHead, videoID, v.Codec, nil); err != nil {
			return nil, false, err
		}
	}
	data, err := facts.FrameData(v.Codec, d.lengthSize, v.Body)
	if err != nil || len(data) == 0 {
		return nil, changed, err
	}
	dts := media.FromTicks(ms, clockRate) + media.Time(v.NanoOffset)
	return &media.Frame{
		Track: d.video, DTS: dts, PTS: dts + media.FromTicks(max(0, int64(v.Composition)), clockRate), Key: v.Key, Data: data,
	}, changed, nil
}

// audioFrame makes a frame. MP3 gets its track with the first one.
func (d *Demuxer) audioFrame(ms int64, a *Audio) (f *media.Frame, changed bool, err error) {
	if len(a.Body) == 0 {
		return nil, false, nil
	}
	if d.audio == nil || d.audio.Codec != a.Codec {
		if a.Codec != media.MP3 {
			return nil, false, &wire.SyntaxError{Format: "flv audio", Msg: a.Codec.String() + " frame before its sequence header"}
		}
		t, err := facts.MP3Track(audioID, a.Body)
		if err != nil {
			return nil, false, err
		}
		d.audio, changed = t, true
	}
	at := media.FromTicks(ms, clockRate) + media.Time(a.NanoOffset)
	return &media.Frame{Track: d.audio, PTS: at, DTS: at, Data: a.Body}, changed, nil
}

// demuxData takes onMetaData as a track without frames. Other data messages become frames of a track that [Demuxer.Tracks] does not
// tell of.
func (d *Demuxer) demuxData(t Tag) (got Demuxed, err error) {
	name, value, err := ParseData(t.Body)
	if err != nil {
		return got, err
	}
	if name != "onMetaData" {
		if d.data == nil {
			d.data = &media.Track{ID: dataID, Codec: media.Data}
		}
		at := media.FromTicks(t.Timestamp, clockRate)
		got.Frame = &media.Frame{Track: d.data, PTS: at, DTS: at, Data: t.Body}
		return got, nil
	}
	var members amf.ECMA
	switch v := value.(type) {
	case amf.ECMA:
		members = v
	case amf.Object:
		members = amf.ECMA(v)
	}
	config := amf.Append(nil, members)
	if d.metadata != nil && string(d.metadata.Config) == string(config) {
		return got, nil
	}
	d.metadata = &media.Track{ID: metadataID, Codec: media.Metadata, Config: config}
	got.TracksChanged = true
	return got, nil
}
