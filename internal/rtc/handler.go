package rtc

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Linger is how long the address of a session is known behind the end of its connection: what a browser says when it leaves a page comes
// in no order.
const Linger = time.Second

// The types of bodies.
const (
	sdpType      = "application/sdp"
	fragmentType = "application/trickle-ice-sdpfrag"
)

// Owner is whose peers a [Handler] lets in: WHIP's or WHEP's side. Errors that the peer is told in its own words are a [*Problem].
type Owner interface {
	// Open answers the request of a new peer. stream is the name in the address.
	Open(r *http.Request, stream string, o *Offer) (Session, []byte, error)
	// Refused tells of a request that was refused.
	Refused(r *http.Request, stream string, err error)
}

// Session is one peer that was let in, as its owner keeps it.
type Session interface {
	// Allows says whether a request shows the secret that the session was begun with.
	Allows(r *http.Request) error
	// Peer is the connection.
	Peer() *Peer
	// End ends the session, since its peer wants it so.
	End()
}

// Handler answers the dialogue of WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep), which differ in who sends only:
//
//	POST    {Path}{stream}            an offer, for an answer, and the address of a session
//	PATCH   {Path}{stream}/{session}  candidates, or new ICE credentials
//	DELETE  {Path}{stream}/{session}  the end
//
// A session is forgotten when it is ended, or soon after its peer is gone.
type Handler struct {
	Path  string // such as "/whip/"
	Owner Owner
	Links []string // URLs of STUN and TURN servers that peers are told of
	Log   *slog.Logger

	mu       sync.Mutex
	sessions map[string]*resource // by id
}

// resource is a session and its address.
type resource struct {
	stream  string
	session Session

	mu  sync.Mutex // one PATCH at a time
	tag string     // names the ICE session; guarded by mu
}

// ServeHTTP answers below Path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "no-store")
	// Secrets are shown in each request, and never by the browser itself: pages of any origin may ask.
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Accept-Patch, Accept-Post, Retry-After, WWW-Authenticate")
	stream, id, isSession := strings.Cut(strings.TrimPrefix(r.URL.Path, h.Path), "/")
	err := error(&Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is no such address: use " + h.Path + "STREAM."})
	switch {
	case stream == "", strings.Contains(id, "/"), isSession && id == "":
	case isSession:
		err = h.serveSession(w, r, stream, id)
	default:
		err = h.serveEndpoint(w, r, stream)
	}
	if err == nil {
		return
	}
	p := problemOf(err)
	h.Owner.Refused(r, stream, err)
	if p.Log != nil && p.Status == http.StatusInternalServerError {
		h.Log.Warn("request not answered", "remote", r.RemoteAddr, "stream", stream, "err", p.Log)
	}
	if p.Status == http.StatusUnauthorized {
		head.Set("WWW-Authenticate", `Bearer realm="simulcart"`)
	}
	p.write(w)
}

// notAllowed answers a method that the address has not.
func notAllowed(w http.ResponseWriter, allow string) error {
	w.Header().Set("Allow", allow)
	return &Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "This address takes " + allow + "."}
}

// preflight answers OPTIONS, and what browsers ask before they ask with headers of their own (Fetch §3.2).
func preflight(w http.ResponseWriter, allow string) {
	head := w.Header()
	head.Set("Allow", allow)
	head.Set("Access-Control-Allow-Methods", allow)
	head.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	head.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// serveEndpoint answers where sessions begin.
func (h *Handler) serveEndpoint(w http.ResponseWriter, r *http.Request, stream string) error {
	const allow = "POST, OPTIONS"
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Accept-Post", sdpType)
		preflight(w, allow)
		return nil
	case http.MethodPost:
	default:
		return notAllowed(w, allow)
	}
	body, err := h.body(w, r, sdpType)
	if err != nil {
		if p := problemOf(err); p.Status == http.StatusUnsupportedMediaType {
			w.Header().Set("Accept-Post", sdpType)
		}
		return err
	}
	offer, err := ParseOffer(body)
	if err != nil {
		return err
	}
	session, answer, err := h.Owner.Open(r, stream, offer)
	if err != nil {
		return err
	}
	id, tag := h.add(stream, session)
	head := w.Header()
	at := url.URL{Path: h.Path + stream + "/" + id}
	if token := r.URL.Query().Get("token"); token != "" { // who came with a link has nothing else to show
		at.RawQuery = url.Values{"token": {token}}.Encode()
	}
	head.Set("Location", at.String())
	head.Set("ETag", tag)
	head.Set("Accept-Patch", fragmentType)
	for _, link := range h.Links {
		head.Add("Link", fmt.Sprintf(`<%s>; rel="ice-server"`, link))
	}
	head.Set("Content-Type", sdpType)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
	return nil
}

// body reads a body of a type.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media", Detail: "The body must be " + want + "."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSDP))
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return nil, &Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: "The body did not come whole.", Log: err}
	}
	return body, err
}

// add gives a session an address that nobody can guess, until its peer is gone.
func (h *Handler) add(stream string, s Session) (id, tag string) {
	id = rand.Text()
	res := &resource{stream: stream, session: s, tag: newTag()}
	h.mu.Lock()
	if h.sessions == nil {
		h.sessions = make(map[string]*resource)
	}
	h.sessions[id] = res
	h.mu.Unlock()
	s.Peer().whenGone(func() { time.AfterFunc(Linger, func() { h.forget(id) }) })
	return id, res.tag
}

func (h *Handler) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, id)
}

func newTag() string { return `"` + rand.Text()[:13] + `"` }

// serveSession answers at the address of a session.
func (h *Handler) serveSession(w http.ResponseWriter, r *http.Request, stream, id string) error {
	const allow = "PATCH, DELETE, OPTIONS"
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", fragmentType)
		preflight(w, allow)
		return nil
	case http.MethodPatch, http.MethodDelete:
	default:
		return notAllowed(w, allow)
	}
	h.mu.Lock()
	res := h.sessions[id]
	h.mu.Unlock()
	if res == nil || res.stream != stream {
		return errNoSession()
	}
	if err := res.session.Allows(r); err != nil {
		return err
	}
	if r.Method == http.MethodDelete {
		h.forget(id)
		res.session.End()
		w.WriteHeader(http.StatusOK)
		return nil
	}
	select {
	case <-res.session.Peer().Gone():
		return errNoSession()
	default:
		return h.patch(w, r, res)
	}
}

func errNoSession() error {
	return &Problem{Status: http.StatusNotFound, Code: "session_not_found", Detail: "There is no such session, or it is over."}
}

// patch takes candidates, which are not needed since we send no checks, or restarts ICE (RFC 9725 §4.3).
func (h *Handler) patch(w http.ResponseWriter, r *http.Request, res *resource) error {
	body, err := h.body(w, r, fragmentType)
	if err != nil {
		if p := problemOf(err); p.Status == http.StatusUnsupportedMediaType {
			w.Header().Set("Accept-Patch", fragmentType)
		}
		return err
	}
	f, err := ParseFragment(body)
	if err != nil {
		return err
	}
	res.mu.Lock()
	defer res.mu.Unlock()
	peer := res.session.Peer()
	ufrag, password := peer.offer.credentials()
	restart := f.Ufrag != "" && (f.Ufrag != ufrag || f.Password != password)
	switch match := r.Header.Get("If-Match"); {
	case match == "":
		return &Problem{Status: http.StatusPreconditionRequired, Code: "precondition_required", Detail: `Say which ICE session this is about: If-Match with its ETag, or * to restart ICE.`}
	case match == "*" && restart:
		return h.restart(w, r, res, f)
	case match != res.tag && match != "*":
		return &Problem{Status: http.StatusPreconditionFailed, Code: "precondition_failed", Detail: "ICE was restarted since: the ETag is not that of the session as it is now."}
	case restart:
		return &Problem{Status: http.StatusConflict, Code: "credentials", Detail: "The ICE credentials are not those of the session. To restart ICE, send If-Match: *."}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) restart(w http.ResponseWriter, r *http.Request, res *resource, f Fragment) error {
	peer := res.session.Peer()
	ours, err := peer.Restart(r.Context(), f)
	if err != nil {
		return err
	}
	res.tag = newTag()
	w.Header().Set("ETag", res.tag)
	w.Header().Set("Content-Type", fragmentType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(ours.Marshal(peer.first()))
	return nil
}
