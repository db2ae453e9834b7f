package web

import (
	"encoding/json"
	"net/http"
)

// Code says what is wrong with a request, for programs to decide on. The set is closed.
type Code uint8

// The codes of problem documents.
const (
	Internal            Code = iota // a fault of ours; the log has it
	NotFound                        // no such address
	StreamNotFound                  // no stream has this id
	DestinationNotFound             // the stream has no destination of this name
	ActionNotFound                  // a destination cannot do this
	MethodNotAllowed                // the address exists, the method does not fit
	CrossOrigin                     // a page of another site asked for a change
	LocalOnly                       // allowed only from the machine on which simulcart runs
	BodyTooLarge                    // more than 256 KiB
)

var codes = [...]struct {
	name   string
	status int
}{
	Internal:            {"internal", http.StatusInternalServerError},
	NotFound:            {"not_found", http.StatusNotFound},
	StreamNotFound:      {"stream_not_found", http.StatusNotFound},
	DestinationNotFound: {"destination_not_found", http.StatusNotFound},
	ActionNotFound:      {"action_not_found", http.StatusNotFound},
	MethodNotAllowed:    {"method_not_allowed", http.StatusMethodNotAllowed},
	CrossOrigin:         {"cross_origin", http.StatusForbidden},
	LocalOnly:           {"local_only", http.StatusForbidden},
	BodyTooLarge:        {"body_too_large", http.StatusRequestEntityTooLarge},
}

// String gives the code as it stands in a problem document.
func (c Code) String() string { return codes[c.known()].name }

// Status gives the HTTP status that goes with the code.
func (c Code) Status() int { return codes[c.known()].status }

// known gives c, or Internal for a number outside the set.
func (c Code) known() Code {
	if int(c) < len(codes) {
		return c
	}
	return Internal
}

// Problem is the body of every answer that is an error (RFC 9457 §3).
type Problem struct {
	Type   string `json:"type" doc:"always about:blank: the code says more than a link would (RFC 9457 §4.2.1)"`
	Title  string `json:"title" doc:"the HTTP status in words"`
	Status int    `json:"status" doc:"the HTTP status"`
	Detail string `json:"detail" doc:"what is wrong, and what to do, in one or two sentences"`
	Code   string `json:"code" doc:"one of a closed set, for programs" enum:"internal,not_found,stream_not_found,destination_not_found,action_not_found,method_not_allowed,cross_origin,local_only,body_too_large"`
}

// writeProblem answers with a problem document.
func writeProblem(w http.ResponseWriter, c Code, detail string) {
	// A struct of strings and a number always encodes.
	body, _ := json.Marshal(Problem{
		Type: "about:blank", Title: http.StatusText(c.Status()), Status: c.Status(), Detail: detail, Code: c.String(),
	})
	writeBody(w, c.Status(), problemType, body)
}

// problem gives a handler that always answers with the same problem document.
func problem(c Code, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, c, detail) })
}

// writeBody answers with a JSON body. A client that is gone is no fault of ours, so that nothing is reported.
func writeBody(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set(contentType, mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
