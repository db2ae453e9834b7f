package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/simulcart/simulcart/control"
)

// Limits of events.
const (
	maxListeners  = 64               // of one stream
	heartbeat     = 15 * time.Second // a comment, so that who listens knows that the connection stands
	listenerStuck = 10 * time.Second // how long one event may take to be written
)

// events answers GET …/overlays/events (HTML Living Standard, Server-sent events): the current state first, then each one that
// is written, and each change of the schedule that comes about.
func (s *Server) events(_ context.Context, in *OnStream) (*huma.StreamResponse, error) {
	cues, err := s.Overlays.Cues(in.Stream)
	if err != nil {
		return nil, errNoStream()
	}
	if !s.shown.listen(in.Stream) {
		return nil, newProblem(TooManyListeners, fmt.Sprintf("%d listen to this stream already: try again in a while.", maxListeners))
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer s.shown.leave(in.Stream)
		r, w := humago.Unwrap(ctx)
		w.Header().Set(contentType, "text/event-stream")
		l := &listener{w: w, flush: http.NewResponseController(w)}
		s.tell(r.Context(), l, in.Stream, cues)
	}}, nil
}

// listener is one client that listens to events.
type listener struct {
	w     http.ResponseWriter
	flush *http.ResponseController
	err   error // the first fault of writing: the client is gone or stuck
}

// say writes an event or a comment.
func (l *listener) say(format string, args ...any) {
	if l.err != nil {
		return
	}
	// The only possible fault is a transport without deadlines.
	_ = l.flush.SetWriteDeadline(time.Now().Add(listenerStuck))
	if _, l.err = fmt.Fprintf(l.w, format, args...); l.err == nil {
		l.err = l.flush.Flush()
	}
}

// tell writes what happens until the client or the stream is gone.
func (s *Server) tell(ctx context.Context, l *listener, stream string, cues control.Cues) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	session, seq := "", int64(-1)
	waiting := make(map[string]bool) // changes that were pending when we looked last
	for l.err == nil {
		changed := cues.Changed()
		look := cues.Look()
		if look.State.Seq != seq || look.State.Stream != session {
			session, seq = look.State.Stream, look.State.Seq
			l.say("event: state\nid: %d\ndata: %s\n\n", seq, neutral(&look))
		}
		now := make(map[string]bool, len(look.Schedule))
		for i := range look.Schedule {
			now[look.Schedule[i].ID] = true
			if !waiting[look.Schedule[i].ID] {
				l.cue(s.cueBody(stream, &look.Schedule[i]))
			}
		}
		for id := range waiting {
			if cue, err := cues.Cue(id); !now[id] && err == nil {
				l.cue(s.cueBody(stream, &cue))
			}
		}
		waiting = now
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-beat.C:
			l.say(": still here\n\n")
		}
	}
}

// cue writes how a change stands.
func (l *listener) cue(c CueBody) {
	data, err := json.Marshal(c)
	if err != nil {
		l.err = err
		return
	}
	l.say("event: cue\ndata: %s\n\n", data)
}
