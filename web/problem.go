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
	BodyTooLarge                    // a body above its limit
	BadRequest                      // it cannot be read at all
	NotAcceptable                   // no answer in a form that the client takes
	UnsupportedMedia                // a body in a form that is not read
	Invalid                         // values that break a rule: see faults
	Unauthorized                    // no token, or none that is known
	Forbidden                       // the token is not good for this
	NoTokens                        // changes need a token, and none is configured
	ProductNotFound                 // the catalog has no such product
	CueNotFound                     // no such cue, or it is over
	NotShown                        // nothing is shown there to update
	SlotsTaken                      // four slots are taken at that time
	Past                            // that media time has passed
	KeyReused                       // the Idempotency-Key was used for another request
	ScheduleFull                    // too many changes wait
	CatalogFull                     // the catalog has all the products that it can
	TooLarge                        // a product or a state above its size
	TextTaken                       // that picture carries another text
	TooFast                         // too many changes in a short time
	TooManyListeners                // too many listen to events
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
	BadRequest:          {"bad_request", http.StatusBadRequest},
	NotAcceptable:       {"not_acceptable", http.StatusNotAcceptable},
	UnsupportedMedia:    {"unsupported_media", http.StatusUnsupportedMediaType},
	Invalid:             {"invalid", http.StatusUnprocessableEntity},
	Unauthorized:        {"unauthorized", http.StatusUnauthorized},
	Forbidden:           {"forbidden", http.StatusForbidden},
	NoTokens:            {"no_tokens", http.StatusForbidden},
	ProductNotFound:     {"product_not_found", http.StatusNotFound},
	CueNotFound:         {"cue_not_found", http.StatusNotFound},
	NotShown:            {"not_shown", http.StatusConflict},
	SlotsTaken:          {"slots_taken", http.StatusConflict},
	Past:                {"past", http.StatusConflict},
	KeyReused:           {"key_reused", http.StatusConflict},
	ScheduleFull:        {"schedule_full", http.StatusConflict},
	CatalogFull:         {"catalog_full", http.StatusConflict},
	TooLarge:            {"too_large", http.StatusRequestEntityTooLarge},
	TextTaken:           {"text_taken", http.StatusConflict},
	TooFast:             {"too_fast", http.StatusTooManyRequests},
	TooManyListeners:    {"too_many_listeners", http.StatusServiceUnavailable},
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
	Type   string  `json:"type" doc:"always about:blank: the code says more than a link would (RFC 9457 §4.2.1)"`
	Title  string  `json:"title" doc:"the HTTP status in words"`
	Status int     `json:"status" doc:"the HTTP status"`
	Detail string  `json:"detail" doc:"what is wrong, and what to do, in one or two sentences"`
	Code   string  `json:"code" doc:"one of a closed set, for programs" enum:"internal,not_found,stream_not_found,destination_not_found,action_not_found,method_not_allowed,cross_origin,local_only,body_too_large,bad_request,not_acceptable,unsupported_media,invalid,unauthorized,forbidden,no_tokens,product_not_found,cue_not_found,not_shown,slots_taken,past,key_reused,schedule_full,catalog_full,too_large,text_taken,too_fast,too_many_listeners"`
	Faults []Fault `json:"faults,omitempty" doc:"values that break a rule"`
}

// Fault is one value that breaks a rule.
type Fault struct {
	Field string `json:"field" doc:"where: price[1].amount, or line 3: price in a file"`
	Fault string `json:"fault" doc:"what is wrong with the value"`
	Rule  string `json:"rule,omitempty" doc:"what it must be"`
}

// newProblem makes a problem document.
func newProblem(c Code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(c.Status()), Status: c.Status(), Detail: detail, Code: c.String()}
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status; huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType gives that of problem documents; huma asks for it.
func (p *Problem) ContentType(string) string { return problemType }

// writeProblem answers with a problem document.
func writeProblem(w http.ResponseWriter, c Code, detail string) { newProblem(c, detail).write(w) }

func (p *Problem) write(w http.ResponseWriter) {
	body, _ := json.Marshal(p) // strings and a number always encode
	writeBody(w, p.Status, problemType, body)
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
