package rtsp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/simulcart/simulcart/wire"
)

// The client's dialogue, with all packets within the connection:
//
//	OPTIONS url               ──▶
//	                          ◀──  200, Public: what the server can do
//	DESCRIBE url              ──▶
//	                          ◀──  401, WWW-Authenticate: … each     where it wants credentials; the request comes again with them
//	                          ◀──  200, Content-Base, session description
//	SETUP url/trackID=0       ──▶
//	  interleaved=0-1         ◀──  200, Session, Transport            for each track
//	PLAY url                  ──▶
//	                          ◀──  200, RTP-Info
//	                          ◀──  $ frames …
//	GET_PARAMETER or OPTIONS  ──▶                                     before each Session timeout; answered between frames
//	TEARDOWN url              ──▶

// mostHeld bounds the frames that come before the answer to PLAY.
const mostHeld = 512

// Client plays one stream. The methods are called in the order above, by one goroutine; but KeepAlive by any. Deadlines are the
// caller's to set on the connection.
type Client struct {
	UserAgent string // told to the server; empty: nothing is told

	conn *Conn
	url  URL // as it was asked for, with user and password

	public  []string // methods that the server has
	base    string   // what relative URLs of tracks stand behind, and what is played
	control string   // what is played and torn down
	held    []*Frame // came before the answer to PLAY

	mu        sync.Mutex
	cseq      uint32
	session   Session
	challenge *challenge // nil: the server asked for no credentials
}

// NewClient makes a client on a connection to u.Address(), which reads and writes nothing yet. The user and password of u are shown to the
// server only when it asks for them.
func NewClient(nc net.Conn, u URL) *Client {
	u.Track = NoTrack
	return &Client{conn: newConn(nc, clientBuffer), url: u, base: u.String(), control: u.String()}
}

// Close closes the connection at once.
func (c *Client) Close() error { return c.conn.Close() }

// Timeout is how long the session lives without [Client.KeepAlive], as the server told with SETUP.
func (c *Client) Timeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session.Timeout == 0 {
		return DefaultTimeout
	}
	return c.session.Timeout
}

// Options asks what the server can do.
func (c *Client) Options() error {
	a, err := c.do(MethodOptions, c.url.String(), false)
	if err != nil {
		return err
	}
	for method := range strings.SplitSeq(a.Header.Value("Public"), ",") {
		c.public = append(c.public, strings.ToUpper(strings.TrimSpace(method)))
	}
	return nil
}

// Describe asks for the stream's description.
func (c *Client) Describe() (*Description, error) {
	a, err := c.do(MethodDescribe, c.url.String(), false, Field{"Accept", ContentTypeSDP})
	if err != nil {
		return nil, err
	}
	d, err := ParseDescription(a.Body)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Content-Location", "Content-Base"} {
		if base := a.Header.Value(name); base != "" {
			c.base = base
		}
	}
	c.control = c.resolve(d.Control)
	return d, nil
}

// Setup asks for a track of the description, on the channels 2n and 2n+1 for the n-th track, and gives the channels that the server chose.
func (c *Client) Setup(n int, m Media) (Pair, error) {
	want := Transport{TCP: true, Interleaved: Pair{2 * n, 2*n + 1}}
	a, err := c.do(MethodSetup, c.resolve(m.Control), false, Field{"Transport", want.String()})
	if err != nil {
		return Pair{}, err
	}
	session, err := ParseSession(a.Header.Value("Session"))
	if err != nil {
		return Pair{}, err
	}
	c.mu.Lock()
	c.session = session
	c.mu.Unlock()
	got, err := ParseTransports(a.Header.Value("Transport"))
	if err != nil {
		return Pair{}, err
	}
	if !got[0].TCP || got[0].Interleaved.IsZero() {
		return Pair{}, &wire.UnsupportedError{Format: "rtsp transport", Msg: "an answer to RTP/AVP/TCP that is not interleaved"}
	}
	return got[0].Interleaved, nil
}

// Play starts the tracks that were set up, and gives what the server tells of them; nothing where it tells nothing.
func (c *Client) Play() ([]TrackInfo, error) {
	a, err := c.do(MethodPlay, c.control, true, Field{"Range", Range{Now: true}.String()})
	if err != nil {
		return nil, err
	}
	info := a.Header.Value("RTP-Info")
	if info == "" {
		return nil, nil
	}
	return ParseRTPInfo(info)
}

// Read gives the next frame. The server's requests are answered on the way, and answers to [Client.KeepAlive] are passed over, but for one that
// says that the session is over. io.EOF is the end.
func (c *Client) Read() (*Frame, error) {
	if len(c.held) > 0 {
		f := c.held[0]
		c.held = c.held[1:]
		return f, nil
	}
	for {
		m, err := c.conn.Read()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *Frame:
			return m, nil
		case *Response:
			if m.Status == StatusSessionNotFound {
				return nil, &StatusError{Method: "keep-alive", Status: m.Status, Reason: m.Reason}
			}
			if m.Status == StatusUnauthorized { // a stale nonce; the next keep-alive has a new one
				c.challenged(m)
			}
		case *Request:
			if err := c.answer(m); err != nil {
				return nil, err
			}
		}
	}
}

// KeepAlive tells the server that we are still there. Its answer is read by [Client.Read].
func (c *Client) KeepAlive() error {
	method := MethodOptions
	if slices.Contains(c.public, MethodGetParameter) {
		method = MethodGetParameter
	}
	r := c.request(method, c.control)
	return c.conn.Write(r)
}

// Teardown ends the session; frames that come before the answer are dropped.
func (c *Client) Teardown() error {
	_, err := c.do(MethodTeardown, c.control, false)
	c.held = nil
	return err
}

// do sends a request and waits for its answer: once more where the server asks for credentials. Frames that come in between are
// kept for Read, or dropped.
func (c *Client) do(method, url string, keep bool, fields ...Field) (*Response, error) {
	for first := true; ; first = false {
		r := c.request(method, url, fields...)
		if err := c.conn.Write(r); err != nil {
			return nil, err
		}
		a, err := c.await(r, keep)
		if err != nil {
			return nil, fmt.Errorf("read answer to %s: %w", method, err)
		}
		switch {
		case a.Status/100 == 2:
			return a, nil
		case a.Status == StatusUnauthorized && first && c.challenged(a):
			continue
		}
		return nil, &StatusError{Method: method, Status: a.Status, Reason: a.Reason}
	}
}

// request makes the next request.
func (c *Client) request(method, url string, fields ...Field) *Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cseq++
	r := &Request{Method: method, URL: url, Header: Header{{"CSeq", strconv.FormatUint(uint64(c.cseq), 10)}}}
	if c.UserAgent != "" {
		r.Header.Add(Field{"User-Agent", c.UserAgent})
	}
	if c.session.ID != "" {
		r.Header.Add(Field{"Session", c.session.ID})
	}
	if c.challenge != nil {
		r.Header.Add(Field{authorization, c.challenge.answer(c.url, r)})
	}
	r.Header.Add(fields...)
	return r
}

// challenged takes a challenge; false where we have nothing to show, or the server's schemes are not known.
func (c *Client) challenged(a *Response) bool {
	found := bestChallenge(a.Header.Values(wwwAuthenticate))
	if found == nil || c.url.User == "" && c.url.Password == "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.challenge = found
	return true
}

var errFlood = errors.New("more frames than expected")

// await reads up to the answer to r.
func (c *Client) await(r *Request, keep bool) (*Response, error) {
	want, _ := r.Header.CSeq()
	for {
		m, err := c.conn.Read()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *Response:
			if n, ok := m.Header.CSeq(); ok && n == want {
				return m, nil
			}
		case *Frame:
			switch {
			case !keep:
			case len(c.held) == mostHeld:
				return nil, errFlood
			default:
				c.held = append(c.held, m)
			}
		case *Request:
			if err := c.answer(m); err != nil {
				return nil, err
			}
		}
	}
}

// answer answers a request of the server, which has few to make.
func (c *Client) answer(r *Request) error {
	status := StatusNotImplemented
	if r.Method == MethodOptions || r.Method == MethodGetParameter {
		status = StatusOK // are we still there?
	}
	return c.conn.Write(NewResponse(r, status))
}

// resolve gives the URL of a track. A relative one stands behind the base as a path, before the base's query.
func (c *Client) resolve(control string) string {
	lower := strings.ToLower(control)
	switch {
	case control == "" || control == "*":
		return c.base
	case strings.HasPrefix(lower, "rtsp://") || strings.HasPrefix(lower, "rtsps://"):
		return control
	}
	path, query, found := strings.Cut(c.base, "?")
	url := strings.TrimRight(path, "/") + "/" + strings.TrimLeft(control, "/")
	if found {
		url += "?" + strings.TrimRight(query, "/")
	}
	return url
}
