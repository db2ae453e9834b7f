package rtmp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/sei"
)

// part is a message as a peer reads it.
type part struct {
	What   string // "metadata", "config", "text", "picture", "sound", or the name of a data message or command
	At     int64  // timestamp
	Number int    // of a picture or sound
	Seq    int64  // of the state in it; 0: none
	Text   []byte // that state, as it is carried
}

// String gives a word for tables: text1@80 is state 1 as onTextData with the timestamp 80, picture4+1@80 is picture 4 with the
// state in it.
func (p part) String() string {
	word := p.What
	switch {
	case p.What == "text":
		word += fmt.Sprint(p.Seq)
	case p.What == "picture" && p.Seq > 0:
		word += fmt.Sprintf("%d+%d", p.Number, p.Seq)
	case p.What == "picture", p.What == "sound":
		word += fmt.Sprint(p.Number)
	}
	return fmt.Sprintf("%s@%d", word, p.At)
}

// expect compares what a peer read with a line of words.
func expect(t testing.TB, parts []part, want ...string) {
	t.Helper()
	var got []string
	for _, p := range parts {
		got = append(got, p.String())
	}
	if diff := cmp.Diff(strings.Fields(strings.Join(want, " ")), got); diff != "" {
		t.Errorf("messages, -want +got:\n%s", diff)
	}
}

// only leaves out all parts but those of some kinds.
func only(parts []part, kinds ...string) []part {
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !slices.Contains(kinds, p.What) })
}

// parts reads the messages of one connection and checks what always holds: times, the bytes of pictures with and without a
// state, the form and content of states, and that both carriages say the same.
func (s *sale) parts(messages []wire.Message) (all []part) {
	s.t.Helper()
	said := map[stamp][]byte{}
	for _, m := range messages {
		p := part{At: m.Timestamp}
		s.read(&p, m)
		if p.What == "|RtmpSampleAccess" {
			continue // the dialogue of play ends with it
		}
		if p.Seq > 0 {
			is := s.match(&p)
			if other, known := said[is]; known && !bytes.Equal(p.Text, other) {
				s.t.Errorf("%v: one carriage says %s, the other %s", p, p.Text, other)
			}
			said[is] = p.Text
		}
		all = append(all, p)
	}
	return all
}

func (s *sale) read(p *part, m wire.Message) {
	s.t.Helper()
	switch m.Type {
	case wire.TypeVideo:
		v, err := flv.ParseVideo(m.Payload, nil)
		if err != nil || len(v) != 1 {
			s.t.Fatalf("torn video message at %d: %v", m.Timestamp, err)
		}
		if p.What = "config"; v[0].Kind == flv.Coded {
			p.What = "picture"
			s.picture(p, v[0])
		}
	case wire.TypeAudio:
		a, err := flv.ParseAudio(m.Payload, nil)
		if err != nil || len(a) != 1 {
			s.t.Fatalf("torn audio message at %d: %v", m.Timestamp, err)
		}
		if p.What = "config"; a[0].Kind == flv.Coded {
			p.What, p.Number = "sound", int(binary.BigEndian.Uint32(a[0].Body))
			if f := s.frames[p.Number]; !bytes.Equal(a[0].Body, f.Data) || p.At != s.onWire(f.DTS) {
				s.t.Errorf("%v: not the sound that was written", p)
			}
		}
	case wire.TypeData:
		s.data(p, m)
	case wire.TypeCommand:
		cmd, err := wire.ParseCommand(m)
		if err != nil {
			s.t.Fatalf("torn command: %v", err)
		}
		p.What = cmd.Name
	default:
		s.t.Fatalf("torn: a message of %s", m.Type)
	}
}

// picture looks into a picture. Where a state is in it, that is at its place and all around it is the picture's own.
func (s *sale) picture(p *part, v flv.Video) {
	s.t.Helper()
	number := v.Body[max(0, bytes.Index(v.Body, []byte("picture 0"))):]
	if _, err := fmt.Sscanf(string(number), "picture %x", &p.Number); err != nil {
		s.t.Fatalf("a picture at %d without a number: %v", p.At, err)
	}
	f := s.frames[p.Number]
	if shown := p.At + int64(v.Composition); v.Codec != f.Track.Codec || v.Key != f.Key || p.At != s.onWire(f.DTS) || shown != s.onWire(f.PTS) {
		s.t.Errorf("%v: %s, key %t, shown at %d; not as it was written", p, v.Codec, v.Key, shown)
	}
	for text, err := range sei.Payloads(v.Codec, v.Body) {
		if err != nil || p.Text != nil {
			s.t.Fatalf("%v: a torn state, or a second one: %v", p, err)
		}
		p.Text = bytes.Clone(text)
	}
	own, found := sei.Strip(v.Codec, v.Body)
	if found != (p.Text != nil) || !bytes.Equal(own, f.Data) {
		s.t.Errorf("%v: without the state it is not the picture that was written", p)
	}
	if p.Text == nil {
		return
	}
	front, rest := picture(v.Codec, v.Key, p.Number)
	whole, err := sei.Append(front, v.Codec, p.Text)
	if err != nil || !bytes.Equal(v.Body, append(whole, rest...)) {
		s.t.Errorf("%v: the state is at another place: %v", p, err)
	}
	m := s.message(p)
	if p.Seq = m.Seq; m.Now != f.PTS.Ticks(messageClock) {
		s.t.Errorf("%v: a state of the time %d", p, m.Now)
	}
}

// data reads a data message: a state, onMetaData, or one of the encoder.
func (s *sale) data(p *part, m wire.Message) {
	s.t.Helper()
	name, _, err := flv.ParseData(m.Payload)
	if err != nil {
		s.t.Fatalf("torn data message at %d: %v", m.Timestamp, err)
	}
	switch name {
	case "onMetaData":
		p.What = "metadata"
	case "onTextData":
		p.What = "text"
		if p.Text, err = flv.ParseText(m.Payload); err != nil {
			s.t.Fatal(err)
		}
		p.Seq = s.message(p).Seq
		want := amf.Append(nil, name, amf.ECMA{{Key: "type", Value: "Text"}, {Key: "text", Value: string(p.Text)}})
		if !bytes.Equal(m.Payload, want) {
			s.t.Errorf("%v: body %q, want %q", p, m.Payload, want)
		}
	default:
		p.What = name
	}
}

func (s *sale) message(p *part) *overlay.Message {
	s.t.Helper()
	m, err := overlay.ParseMessage(p.Text)
	if err != nil {
		s.t.Fatalf("%s at %d: %v in %s", p.What, p.At, err, p.Text)
	}
	return m
}

// match compares a state with what was written.
func (s *sale) match(p *part) stamp {
	s.t.Helper()
	m := s.message(p)
	is := stamp{m.Seq, m.Now}
	var shows []string
	for _, card := range m.Show {
		shows = append(shows, card.Product.ID)
	}
	want, known := s.copies[is]
	if !known || m.At != s.begun[m.Seq].Ticks(messageClock) || strings.Join(shows, " ") != want.shows {
		s.t.Errorf("%v: got %s, want a copy that was written, with products %q", p, p.Text, want.shows)
	}
	if p.What == "text" && p.At != s.onWire(want.pts) {
		s.t.Errorf("%v: want the time of its picture, %d", p, s.onWire(want.pts))
	}
	return is
}

// onWire gives a time on RTMP's clock.
func (s *sale) onWire(t media.Time) int64 { return t.Ticks(1000) - s.origin.Ticks(1000) }
