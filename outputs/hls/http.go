package hls

import (
	"context"
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
	s.sendText(exchange{w, r, stream, "index", v, q}, a, "private, no-cache")
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

// fileName is the form of names: an initialization, a segment, or a part of one.
var fileName = regexp.MustCompile(`^(` + alonePrefix + `)?(?:init([0-9]{1,6})\.mp4|([0-9]{1,15})(?:\.([0-9]{1,6}))?\.m4s)$`)

// exchange is a request that was let in, on its way to its answer.
type exchange struct {
	w                http.ResponseWriter
	r                *http.Request
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
	if err := s.serve(ctx, exchange{w, r, stream, resourceOf(file), v, q}, m, file, view); err != nil {
		s.refuse(w, stream, resourceOf(file), err)
	}
}

// serve answers with what a session has of a name.
func (s *Server) serve(ctx context.Context, to exchange, m *muxer, file string, view *overlay.View) error {
	if err := s.awaitReady(ctx, m, to.viewer); err != nil {
		return err
	}
	if err := m.trouble(); err != nil && m.list.isEmpty() { // else who watches may see the end
		return err
	}
	switch {
	case file == wholeList:
		return s.serveList(ctx, to, m, whole, view)
	case file == aloneList && s.Options.AudioOnly:
		return s.serveList(ctx, to, m, alone, view)
	}
	return s.serveMedia(ctx, to, m, file, view)
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
