package ingest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/relay"
)

// bench is a gate with one stream, maria, what reads it, and what it logs.
type bench struct {
	*testing.T
	hub    relay.Hub
	gate   *Gate
	log    recorder
	reader *relay.Reader
}

// on runs a test on the fake clock, with a gate of the options given.
func on(t *testing.T, o Options, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t}
		b.gate = &Gate{Hub: &b.hub, Log: slog.New(&b.log)}
		b.gate.Configure("maria", o)
		b.reader = b.hub.Stream("maria").Subscribe("test", time.Hour)
		defer func() { b.reader.Close() }()
		test(b)
		b.gate.Drain() // stops what runs
	})
}

// recorder is a log that is kept: messages with their level and attributes.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	line := record.Level.String() + " " + record.Message
	record.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	return nil
}

// said gives what was logged since it was asked last.
func (r *recorder) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// wantSaid checks that of what was logged just one line has the text in it; that nothing does where text is "".
func (b *bench) wantSaid(text string) {
	b.Helper()
	lines := b.log.said()
	n := 0
	for _, l := range lines {
		if text != "" && strings.Contains(l, text) {
			n++
		}
	}
	if text == "" && len(lines) > 0 || text != "" && n != 1 {
		b.Errorf("logged %q, want %q once", lines, text)
	}
}

func (b *bench) status() Status {
	b.Helper()
	st, known := b.gate.Status("maria")
	if !known {
		b.Fatal("the gate does not know the stream")
	}
	return st
}

func (b *bench) wantState(want State) {
	b.Helper()
	if got := b.status().State; got != want {
		b.Errorf("state %s, want %s", got, want)
	}
}

// admit lets a publisher in, whose address is given.
func (b *bench) admit(remote string) *Publication {
	b.Helper()
	p, err := b.gate.Admit(Applicant{Stream: "maria", Protocol: "rtmp", Remote: remote, Software: "test"})
	if err != nil {
		b.Fatalf("admit %s: %v", remote, err)
	}
	return p
}

func (b *bench) wantRefused(a Applicant, want error) {
	b.Helper()
	a.Stream = "maria"
	if _, err := b.gate.Admit(a); !errors.Is(err, want) {
		b.Errorf("admit: got %v, want %v", err, want)
	}
}

// send writes frames as they are, all now.
func (b *bench) send(p *Publication, frames ...sent) {
	b.Helper()
	for _, s := range frames {
		if err := p.WriteFrame(s.frame()); err != nil {
			b.Fatalf("write %+v: %v", s, err)
		}
	}
}

// play sends a group of pictures in real time: 1 s, 25 a second.
func (b *bench) play(p *Publication, from int64) {
	b.Helper()
	for i := range int64(25) {
		kind := "v"
		if i == 0 {
			kind = "K"
		}
		b.send(p, sent{kind: kind, dts: from + 40*i})
		time.Sleep(40 * time.Millisecond)
	}
}

// read gives what came out since it was asked last: K, v, a, or A for sound that starts a group, with DTS in milliseconds.
func (b *bench) read() (got []sent) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		synctest.Wait() // until the reader has all and waits
		cancel()
	})
	for {
		frames, _, err := b.reader.Next(ctx, nil, 1<<30)
		for _, f := range frames {
			kind := map[bool]string{true: "K", false: "v"}[f.Key]
			if f.Track.Codec.IsAudio() {
				kind = map[bool]string{true: "A", false: "a"}[f.Key]
			}
			got = append(got, sent{kind: kind, dts: f.DTS.Ticks(1000), cts: (f.PTS - f.DTS).Ticks(1000)})
		}
		if err != nil {
			return got
		}
	}
}

func (b *bench) wantRead(want ...sent) {
	b.Helper()
	if diff := cmp.Diff(want, b.read(), cmp.AllowUnexported(sent{})); diff != "" {
		b.Errorf("-want +got:\n%s", diff)
	}
}
