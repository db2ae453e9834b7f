package hls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/simulcart/simulcart/access"
)

// What a request may be answered with in place of what it asks for.
var (
	errNotLive  = errors.New("the stream is not live")
	errCrowded  = errors.New("the server has as many viewers as it can count")
	errRevoked  = fmt.Errorf("the right is gone: %w", access.ErrDenied)
	errStopping = errors.New("the server is stopping")
	errNotYet   = errors.New("the stream has no segment yet")
	errStill    = errors.New("nothing new has come, the publisher may be away")
	errHeld     = errors.New("too many requests wait for this stream")
	errAhead    = errors.New("the request is too far ahead of the stream")
	errQuery    = errors.New("_HLS_msn and _HLS_part are numbers, and _HLS_part needs _HLS_msn")
	errGone     = errors.New("the segment is not here any more, or will not be")
)

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
