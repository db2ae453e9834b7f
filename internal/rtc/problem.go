package rtc

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/simulcart/simulcart/wire"
)

// Problem is an answer that is an error (RFC 9457), with the members that the API's have.
type Problem struct {
	Status int
	Code   string        // one of a closed set, for programs
	Detail string        // what is wrong, and what to do
	Retry  time.Duration // when to try again; 0: not said
	Log    error         // for the log; nil: what the peer is told is all
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Log }

// problemOf gives the answer for an error.
func problemOf(err error) *Problem {
	var p *Problem
	var syntax *wire.SyntaxError
	var refused *wire.UnsupportedError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Detail: "The body is larger than 64 KiB."}
	case errors.As(err, &syntax):
		return &Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: "The body cannot be read: " + syntax.Error() + "."}
	case errors.As(err, &refused):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "The offer cannot be answered: " + refused.Error() + "."}
	case errors.Is(err, errCredentials):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "ICE cannot be restarted: " + err.Error() + "."}
	}
	return &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "Something went wrong here; the log has it.", Log: err}
}

// write answers.
func (p *Problem) write(w http.ResponseWriter) {
	head := w.Header()
	head.Set("Content-Type", "application/problem+json")
	if p.Retry > 0 {
		head.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.Retry.Seconds()))))
	}
	w.WriteHeader(p.Status)
	body, _ := json.Marshal(struct { // strings and a number always encode
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(p.Status), p.Status, p.Detail, p.Code})
	_, _ = w.Write(append(body, '\n'))
}
