package hls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/overlay"
)

const (
	listType    = "application/vnd.apple.mpegurl"
	mediaType   = "video/mp4"
	soundType   = "audio/mp4"
	firstWait   = 12 * time.Second // for the first segment of a stream, at most
	retryAfter  = "2"              // seconds, where the stream is not there yet
	answerTime  = 30 * time.Second // for the sending of one answer
	refusalTime = 5 * time.Second  // for the sending of an error
	aheadAtMost = 2                // segments that a blocking request may be ahead
)

// shared sets what all answers have, and lets pages of the configured origins read them.
func (s *Server) shared(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cache-Control", "no-store")
		if len(s.Options.Origins) > 0 {
			s.share(head, r.Header.Get("Origin"))
		}
		h.ServeHTTP(w, r)
	})
}

// share lets a page of an origin read the answer, where that is configured (Fetch §3.2).
func (s *Server) share(head http.Header, origin string) {
	switch {
	case slices.Contains(s.Options.Origins, "*"):
		head.Set("Access-Control-Allow-Origin", "*")
	case origin != "" && slices.Contains(s.Options.Origins, origin):
		head.Set("Access-Control-Allow-Origin", origin)
		head.Add("Vary", "Origin")
	default:
		head.Add("Vary", "Origin")
		return
	}
	head.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, Retry-After")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// servePreflight answers what a browser asks before it asks with a header of its own.
func (s *Server) servePreflight(w http.ResponseWriter, _ *http.Request) {
	if head := w.Header(); head.Get("Access-Control-Allow-Origin") != "" {
		head.Set("Access-Control-Allow-Methods", "GET, HEAD")
		head.Set("Access-Control-Allow-Headers", "Authorization, Range")
		head.Set("Access-Control-Max-Age", "86400")
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveIndex answers with the multivariant playlist: its addresses stand for the right with which it was asked for.
func (s *Server) serveIndex(w http.ResponseWriter, r *http.Request) {
	stream := r.PathValue("stream")
	o := access.Object{Stream: stream, Over: access.HLS}
	asked := s.Registry.IdentifyViewer(secretOf(r))
	if err := s.Registry.Admit(asked, o); err != nil {
		s.refuse(w, stream, "index", err)
		return
	}
	feed, known := s.Feed(stream, asked.Partner)
	if !known {
		s.refuse(w, stream, "index", errNotLive)
		return
	}
	ticket := s.Registry.NewTicket(asked, o, s.viewID(feed.View))
	who, _, _ := s.Registry.OpenTicket(ticket, o)
	ctx, v, q, err := s.enter(w, r, who, stream)
	if err != nil {
		s.refuse(w, stream, "index", err)
		return
	}
	defer s.leave(v, q)
	a, err := s.index(ctx, stream, ticket, v)
	if err != nil {
		s.refuse(w, stream, "index", err)
		return
	}
	s.sendText(w, r, a, "private, no-cache", exchange{stream, "index", v, q})
}

// index gives the multivariant playlist of a stream, once there is something to play, for who holds a ticket.
func (s *Server) index(ctx context.Context, name, ticket string, v *viewer) (*answer, error) {
	stream, live := s.Stream(name)
	if !live {
		return nil, errNotLive
	}
	m, err := s.muxer(stream)
	if err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx, m, v); err != nil {
		return nil, err
	}
	if err := m.trouble(); err != nil {
		return nil, err
	}
	of := []rendition{whole}
	if s.Options.AudioOnly {
		of = append(of, alone)
	}
	text, err := m.list.multivariant(fmt.Sprintf("%s/%d", ticket, m.key.number), of)
	if err != nil {
		return nil, err
	}
	return m.list.answer(text), nil
}

// secretOf gives the secret that a request shows.
func secretOf(r *http.Request) string {
	if scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(secret)
	}
	return r.URL.Query().Get("token")
}

// awaitReady waits until a muxer has a playlist, or is known to have none.
func (s *Server) awaitReady(ctx context.Context, m *muxer, v *viewer) error {
	if !m.isReady() {
		held, free, err := s.hold(ctx, m.key.stream, v)
		if err != nil {
			return err
		}
		defer free()
		late := time.NewTimer(firstWait)
		defer late.Stop()
		select {
		case <-m.ready:
		case <-late.C:
			return errNotYet
		case <-held.Done():
			return context.Cause(held)
		}
	}
	return nil
}

var (
	errNotYet = errors.New("the stream has no segment yet")
	errStill  = errors.New("nothing new has come, the publisher may be away")
	errHeld   = errors.New("too many requests wait for this stream")
	errAhead  = errors.New("the request is too far ahead of the stream")
	errQuery  = errors.New("_HLS_msn and _HLS_part are numbers, and _HLS_part needs _HLS_msn")
)

// fileName is the form of names: an initialization, a segment, or a part of one.
var fileName = regexp.MustCompile(`^(` + alonePrefix + `)?(?:init([0-9]{1,6})\.mp4|([0-9]{1,15})(?:\.([0-9]{1,6}))?\.m4s)$`)

// exchange is what an answer is counted by.
type exchange struct {
	stream, resource string
	viewer           *viewer
	request          *request
}

// serveFile answers with what a multivariant playlist has led to.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	stream, file := r.PathValue("stream"), r.PathValue("file")
	who, id, ok := s.Registry.OpenTicket(r.PathValue("ticket"), access.Object{Stream: stream, Over: access.HLS})
	if !ok {
		who = access.Principal{Unknown: true}
	}
	view, known := s.view(id)
	if ok && !known {
		ok = false
	}
	ctx, v, q, err := s.enter(w, r, who, stream)
	if err != nil {
		s.refuse(w, stream, resourceOf(file), err)
		return
	}
	defer s.leave(v, q)
	number, err := strconv.ParseUint(r.PathValue("session"), 10, 64)
	m := s.known(stream, number)
	if err != nil || m == nil || !ok { // a public stream may be asked for with an address that is none
		s.refuse(w, stream, resourceOf(file), errGone)
		return
	}
	if err := s.serve(ctx, w, r, m, file, view, exchange{stream, resourceOf(file), v, q}); err != nil {
		s.refuse(w, stream, resourceOf(file), err)
	}
}

// serve answers with what a session has of a name.
func (s *Server) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, m *muxer, file string, view *overlay.View, to exchange) error {
	if err := s.awaitReady(ctx, m, to.viewer); err != nil {
		return err
	}
	if err := m.trouble(); err != nil && m.list.isEmpty() { // else who watches may see the end
		return err
	}
	switch {
	case file == wholeList:
		return s.serveList(ctx, w, r, m, whole, view, to)
	case file == aloneList && s.Options.AudioOnly:
		return s.serveList(ctx, w, r, m, alone, view, to)
	}
	return s.serveMedia(ctx, w, r, m, file, view, to)
}

// resourceOf names what is asked for, for the counts.
func resourceOf(file string) string {
	switch name := fileName.FindStringSubmatch(file); {
	case strings.HasSuffix(file, ".m3u8"):
		return "playlist"
	case name == nil:
		return "other"
	case name[2] != "":
		return "init"
	case name[4] != "":
		return "part"
	}
	return "segment"
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, stream, resource string, err error) {
	if errors.Is(err, context.Canceled) {
		s.count(exchange{stream: stream, resource: resource}, 499, 0, 0)
		return
	}
	status, text := http.StatusInternalServerError, "The stream cannot be packaged for HLS: "+err.Error()+"."
	switch {
	case errors.Is(err, access.ErrDenied):
		status, text = http.StatusForbidden, "The token or link is not good for this stream over HLS, or is not good any more."
		if resource == "index" {
			text += " Show it as ?token=TOKEN, or in the header Authorization: Bearer TOKEN."
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Bearer realm="simulcart"`)
		}
	case errors.Is(err, access.ErrFull):
		status, text = http.StatusTooManyRequests, "All connections of the contract are in use. One that asks for nothing for 30 s becomes free."
		w.Header().Set("Retry-After", "30")
	case errors.Is(err, errNotLive):
		status, text = http.StatusNotFound, "The stream is not live. Try again in a moment."
		w.Header().Set("Retry-After", retryAfter)
	case errors.Is(err, errGone):
		status, text = http.StatusNotFound, "This is not here any more, or will never be. Load index.m3u8 again."
	case errors.Is(err, errAhead), errors.Is(err, errQuery):
		status, text = http.StatusBadRequest, "The playlist request cannot be answered: "+err.Error()+"."
	case errors.Is(err, errNotYet), errors.Is(err, errStill), errors.Is(err, errHeld), errors.Is(err, errCrowded), errors.Is(err, errStopping):
		status, text = http.StatusServiceUnavailable, "Not yet: "+err.Error()+". Try again in a moment."
		w.Header().Set("Retry-After", retryAfter)
	}
	s.count(exchange{stream: stream, resource: resource}, status, 0, 0)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(refusalTime)) // it may have run out: that of what was broken off
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}

// requests counts answers.
type requests map[answerKind]uint64

// answerKind is what an answer was.
type answerKind struct {
	resource string
	status   int
}

// count counts an answer.
func (s *Server) count(to exchange, status int, bytes int64, frames int) {
	if to.viewer != nil {
		to.viewer.feed.Served.Answer(bytes, frames)
	}
	if _, known := s.Feed(to.stream, ""); !known { // names that somebody made up are not kept
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[string]requests)
	}
	if s.counts[to.stream] == nil {
		s.counts[to.stream] = make(requests)
	}
	s.counts[to.stream][answerKind{to.resource, status}]++
}
