package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// How a change is answered (OVERLAYS.md §3):
//
//  1. the body becomes an overlay.Change, whose id is made of the Idempotency-Key where there is one;
//  2. the stream's cues take it, and give a ticket; a request that was there before gets the ticket of then (replays);
//  3. a change for now waits for its ticket, at most changeTime, and is answered 200 with the frame that carries it; one whose
//     time is yet to come, or that has no publisher, is answered 202.
const changeTime = time.Second

// ticks is the clock of media times in the API.
const ticks = 90_000

// registerCues puts what is shown onto the API.
func (s *Server) registerCues(api huma.API) {
	const path = "/v1/streams/{stream}/overlays"
	change := func(id, method, path, summary string) huma.Operation {
		op := operation(id, method, path, summary, access.Change, http.StatusNotFound, http.StatusConflict,
			http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests)
		op.Description = "200: a picture carries it, whose number, time and state are in the answer. 202: its time has not come, or nobody publishes."
		return op
	}
	huma.Register(api, change("overlays-change", http.MethodPost, path, "Show, update, hide or clear products"), s.changeOverlays)
	huma.Register(api, change("overlays-delete", http.MethodDelete, path+"/{cue}", "Take a change back, or hide what it shows"), s.deleteCue)
	huma.Register(api, operation("overlays-show", http.MethodGet, path, "What is shown, and what waits", access.Read, http.StatusNotFound), s.showOverlays)
	huma.Register(api, operation("overlays-cue", http.MethodGet, path+"/{cue}", "One change as it stands", access.Read, http.StatusNotFound), s.showCue)
	huma.Register(api, change("metadata", http.MethodPost, "/v1/streams/{stream}/metadata", "Send a text of one's own with a picture"), s.annotate)
	events := operation("overlays-events", http.MethodGet, path+"/events", "Server-sent events: each state (event: state), each change that comes about (event: cue)",
		access.Read, http.StatusNotFound, http.StatusServiceUnavailable)
	huma.Register(api, events, s.events)
}

// Request is a request for a change, with what decides whether it was there before.
type Request struct {
	OnStream

	Key string `header:"Idempotency-Key" maxLength:"255" doc:"the same key with the same body within 24 h is the same change"`

	who     string    // the token's name
	arrived time.Time // when the request came
}

// Resolve learns who asks; huma calls it.
func (c *Request) Resolve(ctx huma.Context) []error {
	c.arrived = time.Now()
	if s, ok := ctx.Context().Value(serverKey{}).(*Server); ok {
		r, _ := humago.Unwrap(ctx)
		c.who = s.principal(r).Name
	}
	return nil
}

// ChangeBody is a change as it is asked for.
type ChangeBody struct {
	Action  string    `json:"action" enum:"show,update,hide,clear"`
	Product string    `json:"product,omitempty" doc:"for show: which; for update and hide, without a slot: the slots that show it" example:"SKU-1"`
	Slot    string    `json:"slot,omitempty" doc:"at most 16 of a-z 0-9 -; default: main, or by the product" example:"main"`
	Pos     *Position `json:"pos,omitempty"`
	Style   string    `json:"style,omitempty" doc:"at most 16 of a-z 0-9 -; default: card" example:"card"`
	TTL     string    `json:"ttl,omitempty" doc:"how long, 200ms to 24h; absent: until changed" example:"30s"`
	At      *When     `json:"at,omitempty"`
	Strict  bool      `json:"strict,omitempty" doc:"rather not at all than late"`
}

// ChangeAnswer is what became of a change.
type ChangeAnswer struct {
	Cue      string         `json:"cue" doc:"the change's id"`
	Progress string         `json:"progress" enum:"pending,written,cancelled,refused,ended"`
	Seq      *int64         `json:"seq" doc:"of the state; null while it is pending"`
	At       *int64         `json:"at" doc:"media time of the picture that carries it, or that is wanted; 90 kHz ticks"`
	Wall     *time.Time     `json:"wall" doc:"time of day of that picture, or the one that is wanted"`
	Frame    *uint64        `json:"frame" doc:"the picture's number in decode order, within the session, from 1"`
	Late     bool           `json:"late" doc:"the wanted media time had passed"`
	Outputs  []OutputAnswer `json:"outputs"`
}

// OutputAnswer is how an output carries overlay states.
type OutputAnswer struct {
	Name     string `json:"name" doc:"of the destination"`
	Carriage string `json:"carriage" enum:"off,sei,amf,sei+amf"`
	State    string `json:"state" doc:"of the destination"`
}

// changed is an answer to a change, with its status.
type changed struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed" doc:"true: the request was there before"`
	Body     ChangeAnswer
}

// changeRequest asks for a change to what is shown.
type changeRequest struct {
	Request

	Body ChangeBody
}

func (s *Server) changeOverlays(ctx context.Context, in *changeRequest) (*changed, error) {
	change, err := in.Body.change()
	if err != nil {
		return nil, s.refusal(in.Stream, err)
	}
	return s.carryOut(ctx, &in.Request, "overlays", in.Body, change)
}

// carryOut has the stream's cues take a change, once for each key: of is the address and asked the body, as the request has them.
func (s *Server) carryOut(ctx context.Context, in *Request, of string, asked any, change overlay.Change) (*changed, error) {
	cues, err := s.Overlays.Cues(in.Stream)
	if err != nil {
		return nil, errNoStream()
	}
	apply := func() (*overlay.Ticket, error) { return cues.Apply(ctx, change) }
	var ticket *overlay.Ticket
	replayed := false
	if in.Key == "" {
		ticket, err = apply()
	} else {
		form, _ := json.Marshal(asked) // it was read from JSON
		key := sha256.Sum256([]byte(in.who + "\x00" + in.Stream + "\x00" + in.Key))
		change.ID = "key-" + hex.EncodeToString(key[:16])
		ticket, replayed, err = s.replays.do(key, sha256.Sum256(append([]byte(of), form...)), time.Now(), apply)
	}
	if err != nil {
		return nil, s.refusal(in.Stream, err)
	}
	return s.outcome(ctx, in, cues, ticket, replayed)
}

// outcome waits for what can be known soon, and answers.
func (s *Server) outcome(ctx context.Context, in *Request, cues control.Cues, ticket *overlay.Ticket, replayed bool) (*changed, error) {
	if look := cues.Look(); look.Live && isDue(ticket.Cue().When, look.Newest) {
		wait(ctx, ticket)
	}
	cue := ticket.Cue()
	if cue.Progress == overlay.Refused {
		return nil, s.refusal(in.Stream, cue.Err)
	}
	answer := &changed{Status: http.StatusAccepted, Body: s.answer(in.Stream, &cue)}
	if cue.Progress != overlay.Pending {
		answer.Status = http.StatusOK
	}
	if replayed {
		answer.Replayed = "true"
	} else if cue.Progress == overlay.Written && cue.When.Clock == overlay.Now {
		s.shown.delay(in.Stream, time.Since(in.arrived))
	}
	return answer, nil
}

// wait waits until a ticket is done, at most changeTime.
func wait(ctx context.Context, ticket *overlay.Ticket) {
	patience := time.NewTimer(changeTime)
	defer patience.Stop()
	select {
	case <-ticket.Done():
	case <-patience.C:
	case <-ctx.Done():
	}
}

// isDue says whether a change comes with the next pictures.
func isDue(w overlay.When, newest media.Time) bool {
	switch w.Clock {
	case overlay.Now, overlay.Seen:
		return true
	case overlay.Media:
		return w.Media <= newest
	case overlay.Wall:
		return !w.Wall.After(time.Now())
	}
	return false
}

// answer tells what became of a change.
func (s *Server) answer(stream string, cue *overlay.Cue) ChangeAnswer {
	a := ChangeAnswer{Cue: cue.ID, Progress: cue.Progress.String(), Outputs: []OutputAnswer{}}
	if status, ok := s.Source.Stream(stream); ok {
		for _, d := range status.Destinations {
			a.Outputs = append(a.Outputs, OutputAnswer{d.Name, d.Overlays.Carriage, d.State})
		}
	}
	at := cue.From
	if cue.Progress == overlay.Written {
		r := cue.Receipt
		at, a.Seq, a.Frame, a.Late = r.At, &r.Seq, &r.Frame, r.Late
		wall := s.Overlays.Wall(stream, at).UTC().Round(time.Millisecond)
		a.Wall = &wall
	}
	if cue.Progress == overlay.Pending && cue.When.Clock == overlay.Wall {
		a.Wall = &cue.When.Wall
	}
	if cue.Progress == overlay.Written || cue.When.Clock == overlay.Media {
		t := at.Ticks(ticks)
		a.At = &t
	}
	return a
}

// onCue is a request about one change.
type onCue struct {
	OnStream

	Cue string `path:"cue" maxLength:"64" doc:"the change's id"`
}

func (s *Server) deleteCue(ctx context.Context, in *onCue) (*changed, error) {
	cues, err := s.Overlays.Cues(in.Stream)
	if err != nil {
		return nil, errNoStream()
	}
	ticket, err := cues.Delete(ctx, in.Cue)
	if err != nil {
		return nil, s.refusal(in.Stream, err)
	}
	return s.outcome(ctx, &Request{OnStream: in.OnStream, arrived: time.Now()}, cues, ticket, false)
}

// OverlaysBody is what is shown over a stream, and what waits.
type OverlaysBody struct {
	Live     bool            `json:"live" doc:"somebody publishes, or the session is held"`
	Now      int64           `json:"now" doc:"newest media time, 90 kHz ticks"`
	State    json.RawMessage `json:"state" doc:"as every output carries it, in the neutral view; null where nothing was shown in this session"`
	Schedule []CueBody       `json:"schedule" doc:"changes that wait, in their order"`
}

// CueBody is a change as it stands.
type CueBody struct {
	ChangeAnswer

	Action  string            `json:"action"`
	Product string            `json:"product,omitempty"`
	Slot    string            `json:"slot,omitempty"`
	Pos     *overlay.Position `json:"pos,omitempty"`
	Style   string            `json:"style,omitempty"`
	TTL     string            `json:"ttl,omitempty"`
	Until   *int64            `json:"until,omitempty" doc:"media time when it ends by itself, 90 kHz ticks"`
	Error   string            `json:"error,omitempty" doc:"why it was refused"`
}

func (s *Server) showOverlays(_ context.Context, in *OnStream) (*body[OverlaysBody], error) {
	cues, err := s.Overlays.Cues(in.Stream)
	if err != nil {
		return nil, errNoStream()
	}
	look := cues.Look()
	out := OverlaysBody{Live: look.Live, Now: look.Newest.Ticks(ticks), State: neutral(&look), Schedule: []CueBody{}}
	for i := range look.Schedule {
		out.Schedule = append(out.Schedule, s.cueBody(in.Stream, &look.Schedule[i]))
	}
	return &body[OverlaysBody]{out}, nil
}

// neutral gives the state that is shown as the convention has it; null where there is none.
func neutral(look *control.Showing) json.RawMessage {
	if look.State.Seq == 0 {
		return json.RawMessage("null")
	}
	return (&overlay.View{}).Apply(&look.State).AppendJSON(nil, max(look.Newest, look.State.At))
}

func (s *Server) showCue(_ context.Context, in *onCue) (*body[CueBody], error) {
	cues, err := s.Overlays.Cues(in.Stream)
	if err != nil {
		return nil, errNoStream()
	}
	cue, err := cues.Cue(in.Cue)
	if err != nil {
		return nil, s.refusal(in.Stream, err)
	}
	return &body[CueBody]{s.cueBody(in.Stream, &cue)}, nil
}

func (s *Server) cueBody(stream string, cue *overlay.Cue) CueBody {
	b := CueBody{
		ChangeAnswer: s.answer(stream, cue),
		Action:       cue.Action.String(), Product: cue.Product, Slot: cue.Slot, Pos: cue.Pos, Style: cue.Style,
	}
	if cue.TTL > 0 {
		b.TTL = cue.TTL.String()
	}
	if cue.Until > 0 {
		until := cue.Until.Ticks(ticks)
		b.Until = &until
	}
	if cue.Err != nil {
		b.Error = problemOf(cue.Err).Code
	}
	return b
}
