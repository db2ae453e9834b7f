package rtsp

import (
	"errors"
	"fmt"

	"github.com/simulcart/simulcart/wire"
)

// Status codes that a server of live streams gives, RFC 2326 §7.1.1.
const (
	StatusOK                  = 200
	StatusMoved               = 302
	StatusBadRequest          = 400
	StatusUnauthorized        = 401
	StatusForbidden           = 403
	StatusNotFound            = 404
	StatusMethodNotAllowed    = 405
	StatusNotAcceptable       = 406
	StatusBodyTooLarge        = 413
	StatusURLTooLong          = 414
	StatusNotEnoughBandwidth  = 453
	StatusSessionNotFound     = 454
	StatusNotValidInState     = 455
	StatusInvalidRange        = 457
	StatusAggregateNotAllowed = 459
	StatusAggregateOnly       = 460
	StatusTransport           = 461
	StatusDestination         = 463 // RFC 7826 §17.4.24
	StatusInternalError       = 500
	StatusNotImplemented      = 501
	StatusUnavailable         = 503
	StatusVersion             = 505
	StatusOption              = 551
)

var reasons = map[int]string{
	StatusOK: "OK", StatusMoved: "Moved Temporarily", StatusBadRequest: "Bad Request", StatusUnauthorized: "Unauthorized",
	StatusForbidden: "Forbidden", StatusNotFound: "Not Found", StatusMethodNotAllowed: "Method Not Allowed",
	StatusNotAcceptable: "Not Acceptable", StatusBodyTooLarge: "Request Entity Too Large", StatusURLTooLong: "Request-URI Too Large",
	StatusNotEnoughBandwidth: "Not Enough Bandwidth", StatusSessionNotFound: "Session Not Found",
	StatusNotValidInState: "Method Not Valid in This State", StatusInvalidRange: "Invalid Range",
	StatusAggregateNotAllowed: "Aggregate Operation Not Allowed", StatusAggregateOnly: "Only Aggregate Operation Allowed",
	StatusTransport: "Unsupported Transport", StatusDestination: "Destination Prohibited", StatusInternalError: "Internal Server Error", StatusNotImplemented: "Not Implemented",
	StatusUnavailable: "Service Unavailable", StatusVersion: "RTSP Version Not Supported", StatusOption: "Option Not Supported",
}

// Reason gives the usual words for a status.
func Reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Status"
}

// StatusOf gives the status that a server answers with where [Conn.Read] fails, before it closes the connection; 0 where there is
// nobody left to tell.
func StatusOf(err error) int {
	var limit *LimitError
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	switch {
	case errors.As(err, &limit) && limit.Limit == LimitRequestLine:
		return StatusURLTooLong
	case errors.As(err, &limit) && limit.Limit == LimitBody:
		return StatusBodyTooLarge
	case errors.As(err, &limit), errors.As(err, &syntax):
		return StatusBadRequest
	case errors.As(err, &unsupported):
		return StatusVersion
	}
	return 0
}

// StatusError is a request that was answered with something else than success.
type StatusError struct {
	Method string
	Status int
	Reason string // the server's words
}

// Error gives all three.
func (e *StatusError) Error() string {
	return fmt.Sprintf("rtsp %s: answered with %d %s", e.Method, e.Status, e.Reason)
}
