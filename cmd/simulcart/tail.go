package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/rtmp"
	"github.com/simulcart/simulcart/wire/sei"
)

// tailCommand is simulcart overlay tail.
type tailCommand struct {
	Source string        `arg:"" help:"rtmp://, rtmps://, rtsp:// or rtsps:// address to play, http:// or https:// address of an HLS playlist, or an FLV file; - for FLV on standard input."`
	For    time.Duration `help:"End after this time; by default with the stream."`
	JSON   bool          `name:"json" help:"One JSON object for each state."`
	Token  string        `placeholder:"TOKEN" help:"For http and https: the token, sent in a header instead of ?token=TOKEN in the address."`
	CA     string        `name:"ca" type:"existingfile" placeholder:"FILE" help:"PEM certificates to trust for rtmps, rtsps and https, instead of the system's."`
}

// Run reads the source until its end.
func (c *tailCommand) Run(ctx context.Context, out io.Writer, stderr stderrWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.For > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	next, err := c.open(ctx, stderr)
	if err != nil {
		return err
	}
	t := &tail{out: out, json: c.JSON, frames: make(map[int64]int)}
	for {
		err := next(t)
		if err != nil {
			t.finish()
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return t.err
			}
			return err
		}
		if t.err != nil {
			return t.err
		}
	}
}

// open gives what hands the next piece of the source to a tail; io.EOF is its end.
func (c *tailCommand) open(ctx context.Context, stderr io.Writer) (next func(*tail) error, err error) {
	scheme, _, _ := strings.Cut(c.Source, "://")
	if c.Token != "" && scheme != "http" && scheme != "https" {
		return nil, errors.New("--token is for http and https: with rtmp write rtmp://HOST/live/STREAM?token=TOKEN, with rtsp rtsp://PARTNER:TOKEN@HOST:8554/STREAM")
	}
	switch scheme {
	case "http", "https":
		return c.follow(ctx, stderr)
	case "rtsp", "rtsps":
		return c.pull(ctx)
	}
	tags, err := c.tags(ctx)
	if err != nil {
		return nil, err
	}
	return func(t *tail) error {
		tag, err := tags()
		if err == nil {
			t.take(tag)
		}
		return err
	}, nil
}

// tags gives what reads the next tag of an RTMP address or an FLV file.
func (c *tailCommand) tags(ctx context.Context) (next func() (flv.Tag, error), err error) {
	if strings.Contains(c.Source, "://") {
		return c.play(ctx)
	}
	if c.Source == "-" {
		return flv.NewReader(standardInput(ctx)).Next, nil
	}
	f, err := os.Open(c.Source)
	if err != nil {
		return nil, fmt.Errorf("read FLV: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = f.Close() })
	return flv.NewReader(f).Next, nil
}

// openTime bounds the dialogue until a server plays.
const openTime = 10 * time.Second

// play opens an RTMP connection and plays.
func (c *tailCommand) play(ctx context.Context) (next func() (flv.Tag, error), err error) {
	at := strings.LastIndexByte(c.Source, '/')
	u, err := rtmp.ParseURL(c.Source[:at])
	if err != nil {
		return nil, fmt.Errorf("the address: %w: write rtmp://HOST/live/STREAM", err)
	}
	nc, err := c.dial(ctx, u.Address(), u.TLS)
	if err != nil {
		return nil, err
	}
	if err := rtmp.OfferHandshake(nc); err != nil {
		return nil, fmt.Errorf("RTMP handshake: %w", err)
	}
	conn := rtmp.NewConn(nc)
	if _, err := conn.Connect(rtmp.Offer{URL: u, Play: true}); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.Play(c.Source[at+1:]); err != nil {
		return nil, fmt.Errorf("play: %w: is the stream live, and may you play it?", err)
	}
	conn.Authorise()
	_ = nc.SetDeadline(time.Time{})
	return func() (flv.Tag, error) { return nextTag(conn) }, nil
}

// dial connects, with a deadline for the dialogue that follows.
func (c *tailCommand) dial(ctx context.Context, address string, secure bool) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: openTime}
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = nc.Close() })
	if secure {
		name, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("the address: %w", err)
		}
		roots, err := trusted(c.CA)
		if err != nil {
			return nil, err
		}
		nc = tls.Client(nc, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, RootCAs: roots})
	}
	_ = nc.SetDeadline(time.Now().Add(openTime))
	return nc, nil
}

// nextTag reads the next media or data message.
func nextTag(conn *rtmp.Conn) (flv.Tag, error) {
	for {
		m, err := conn.ReadMessage()
		if err != nil {
			return flv.Tag{}, fmt.Errorf("read the stream: %w", err)
		}
		switch m.Type {
		case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData:
			return flv.Tag{Type: flv.TagType(m.Type), Timestamp: m.Timestamp, Body: m.Payload}, nil
		case rtmp.TypeCommand:
			cmd, err := rtmp.ParseCommand(m)
			if err != nil {
				return flv.Tag{}, fmt.Errorf("read the stream: %w", err)
			}
			if status, ok := rtmp.StatusOf(cmd); ok && status.Code == rtmp.CodeUnpublishNotify {
				return flv.Tag{}, io.EOF
			}
		}
	}
}

// tail tells of each overlay state in a stream where it sits, and what is wrong with it.
type tail struct {
	out  io.Writer
	json bool
	err  error // of writing

	demuxer flv.Demuxer
	blind   bool          // there are no pictures
	begin   int64         // PTS in ms before which nothing is read
	number  int           // of pictures so far
	frames  map[int64]int // number of the recent pictures by their PTS in ms
	order   []int64       // of frames, by age
	early   []*sighting   // beside the pictures, whose picture has not come
	newest  map[string]int64
	stream  string
	known   map[int64]string // the cards of the recent states by seq, as JSON
	counts  struct{ states, repeats, faults int }
	unread  struct { // video messages that are no pictures, as far as one can read
		number int
		at     int64 // of the first, in ms
		err    error // of the first
	}
}

// recent bounds what is remembered of pictures and states.
const recent = 256

// sighting is one copy of a state.
type sighting struct {
	Carriage string           `json:"carriage"`
	PTS      int64            `json:"pts_ms"`          // of its carrier, on the stream's clock
	Frame    int              `json:"frame,omitempty"` // of the picture that it sits on, in decode order, from 1; 0: none
	Bytes    int              `json:"bytes"`
	Repeat   bool             `json:"repeat"`
	Faults   []string         `json:"faults,omitempty"`
	State    *overlay.Message `json:"state,omitempty"`
	From     *float64         `json:"from_ms,omitempty"` // PTS from which the state holds, by at and now

	slack int64 // ms that PTS may be off that of its picture, by what its carriage rounds
}

// take takes the next tag.
func (t *tail) take(tag flv.Tag) {
	if tag.Type == flv.TagData {
		if text, err := flv.ParseText(tag.Body); err == nil {
			t.beside(t.look("amf", tag.Timestamp, text, 0))
			return
		}
	}
	got, err := t.demuxer.Demux(tag)
	if err != nil && tag.Type == flv.TagVideo {
		if t.unread.number++; t.unread.number == 1 {
			t.unread.at, t.unread.err = tag.Timestamp, err
		}
	}
	if f := got.Frame; err == nil && f != nil && f.Track.Codec.IsVideo() {
		t.picture(f.Track.Codec, f.PTS.Ticks(1000), f.Data)
	}
}

// picture takes the next picture, which has the PTS in ms.
func (t *tail) picture(codec media.Codec, pts int64, data []byte) {
	t.number++
	t.remember(pts)
	for payload, err := range sei.Payloads(codec, data) {
		if err != nil {
			t.tell(&sighting{Carriage: "sei", PTS: pts, Frame: t.number, Faults: []string{err.Error()}})
			continue
		}
		t.tell(t.look("sei", pts, payload, t.number))
	}
	t.match(pts)
}

// beside takes a copy that stands beside the pictures: it sits on the picture with its time, which may be to come.
func (t *tail) beside(s *sighting) {
	if s.Frame = t.near(s.PTS, s.slack); s.Frame > 0 || t.blind || s.PTS < t.begin-s.slack {
		t.tell(s)
		return
	}
	t.early = append(t.early, s)
}

// near gives the number of the picture whose PTS is nearest to one in ms, and off by slack at most; 0 where there is none.
func (t *tail) near(pts, slack int64) int {
	for off := range slack + 1 {
		for _, at := range [...]int64{pts - off, pts + off} {
			if number := t.frames[at]; number > 0 {
				return number
			}
		}
	}
	return 0
}

// match finds the messages whose picture has come, and gives up those that wait too long.
func (t *tail) match(pts int64) {
	rest := t.early[:0]
	for _, s := range t.early {
		switch {
		case max(s.PTS-pts, pts-s.PTS) <= s.slack:
			s.Frame = t.number
			t.tell(s)
		case len(t.early) > recent || pts > s.PTS+1000:
			s.Faults = append(s.Faults, "no picture has its time")
			t.tell(s)
		default:
			rest = append(rest, s)
		}
	}
	t.early = rest
}

func (t *tail) remember(pts int64) {
	t.frames[pts] = t.number
	t.order = append(t.order, pts)
	if len(t.order) > recent {
		delete(t.frames, t.order[0])
		t.order = t.order[1:]
	}
}

// look reads a copy of a state and says what is wrong with it.
func (t *tail) look(carriage string, pts int64, text []byte, frame int) *sighting {
	s := &sighting{Carriage: carriage, PTS: pts, Frame: frame, Bytes: len(text)}
	m, err := overlay.ParseMessage(text)
	if err != nil {
		s.Faults = append(s.Faults, err.Error())
		return s
	}
	s.State = m
	from := float64(pts) + float64(m.At-m.Now)/90
	s.From = &from
	if t.newest == nil || t.stream != m.Stream {
		t.newest, t.stream, t.known = make(map[string]int64), m.Stream, make(map[int64]string)
	}
	newest := t.newest[carriage]
	s.Repeat = m.Seq == newest
	if m.Seq < newest {
		s.Faults = append(s.Faults, fmt.Sprintf("seq went back from %d", newest))
	}
	if !s.Repeat && newest > 0 && m.Now != m.At && m.Seq > newest {
		s.Faults = append(s.Faults, "its first copy was not seen")
	}
	t.newest[carriage] = max(newest, m.Seq)
	shown, _ := json.Marshal(m.Show) // it was read from JSON
	if before, ok := t.known[m.Seq]; ok && before != string(shown) {
		s.Faults = append(s.Faults, "another copy of this seq shows something else")
	}
	if len(t.known) > recent {
		clear(t.known)
	}
	t.known[m.Seq] = string(shown)
	return s
}

// tell prints a copy of a state.
func (t *tail) tell(s *sighting) {
	if s.Repeat {
		t.counts.repeats++
	} else if s.State != nil {
		t.counts.states++
	}
	t.counts.faults += len(s.Faults)
	if t.json {
		t.print(json.NewEncoder(t.out).Encode(s))
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s frame %-6d %s", media.FromTicks(s.PTS, 1000), s.Frame, s.Carriage)
	if s.State != nil {
		kind := "state "
		if s.Repeat {
			kind = "repeat"
		}
		fmt.Fprintf(&b, "  %s %d of %s, %d bytes: %s", kind, s.State.Seq, s.State.Stream, s.Bytes, cards(s.State))
	}
	for _, fault := range s.Faults {
		b.WriteString("\n  FAULT: " + fault)
	}
	_, err := fmt.Fprintln(t.out, b.String())
	t.print(err)
}

func (t *tail) print(err error) {
	if t.err == nil {
		t.err = err
	}
}

// finish tells what waits, and sums up.
func (t *tail) finish() {
	for _, s := range t.early {
		s.Faults = append(s.Faults, "no picture has its time")
		t.tell(s)
	}
	if !t.json {
		_, err := fmt.Fprintf(t.out, "%d pictures, %d states, %d repeats, %d faults\n", t.number, t.counts.states, t.counts.repeats, t.counts.faults)
		t.print(err)
	}
	if t.unread.number > 0 && t.err == nil {
		t.err = fmt.Errorf("%d video messages cannot be read, the first at %s: %w", t.unread.number, media.FromTicks(t.unread.at, 1000), t.unread.err)
	}
}
