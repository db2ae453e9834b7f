// Package peer is a client of WHIP and WHEP on pion: what a test needs of an encoder and of a player.
package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// patience bounds what must happen at once.
const patience = 10 * time.Second

// Options say what is unusual about a client.
type Options struct {
	Token     string                    // bearer; empty: none is shown
	NoRepair  bool                      // without retransmissions of their own (RTX)
	NoNACK    bool                      // without asking for what is lost
	NoReports bool                      // without sender and receiver reports of its own
	TCP       bool                      // over ICE-TCP alone
	Edit      func(offer string) string // the offer, before it is sent; nil: as it is
	Tamper    func(h *pion.Header)      // with each RTP packet that goes out; nil: as it is
	Via       string                    // address that stands for the server's port, see [mediatest.Network], [mediatest.Proxy]; empty: straight
	Discard   bool                      // frames are counted, and their data forgotten
	Codecs    []string                  // MIME types of video, HEVC too; nil: H.264, VP8, VP9, AV1
}

// Client is one peer.
type Client struct {
	PC       *webrtc.PeerConnection
	Location string // of the session; absolute
	ETag     string
	Answer   string
	Header   http.Header // of the answer

	t       testing.TB
	options Options
	offer   string
}

// H264 are the parameters of H.264 as browsers offer it.
const H264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

// newClient makes a connection that is closed at the end of the test.
func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	var engine webrtc.MediaEngine
	c := &Client{t: t, options: o}
	c.codecs(&engine)
	var s webrtc.SettingEngine
	s.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	s.SetIncludeLoopbackCandidate(true)
	s.SetSRTPReplayProtectionWindow(2048)
	if o.TCP {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	} else {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	var stages interceptor.Registry
	if err := c.stages(&engine, &stages); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&stages), webrtc.WithSettingEngine(s)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c.PC = pc
	t.Cleanup(c.Close)
	return c
}

// stages are pion's usual ones, less what the options leave out.
func (c *Client) stages(engine *webrtc.MediaEngine, r *interceptor.Registry) error {
	if !c.options.NoNACK {
		if err := webrtc.ConfigureNack(engine, r); err != nil {
			return err
		}
	}
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: "ccm", Parameter: "fir"}, webrtc.RTPCodecTypeVideo)
	if !c.options.NoReports {
		if err := webrtc.ConfigureRTCPReports(r); err != nil {
			return err
		}
	}
	if c.options.Tamper != nil {
		r.Add(tamper{tell: c.options.Tamper})
	}
	return webrtc.ConfigureTWCCSender(engine, r)
}

// tamper is a stage that changes headers.
type tamper struct {
	interceptor.NoOp
	tell func(h *pion.Header)
}

// NewInterceptor is called by pion.
func (s tamper) NewInterceptor(string) (interceptor.Interceptor, error) { return &s, nil }

// BindLocalStream is called by pion.
func (s *tamper) BindLocalStream(_ *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *pion.Header, payload []byte, a interceptor.Attributes) (int, error) {
		s.tell(h)
		return next.Write(h, payload, a)
	})
}

func (c *Client) codecs(engine *webrtc.MediaEngine) {
	video := []struct{ mime, parameters string }{
		{webrtc.MimeTypeH264, H264},
		{webrtc.MimeTypeVP8, ""},
		{webrtc.MimeTypeVP9, "profile-id=0"},
		{webrtc.MimeTypeAV1, ""},
		{webrtc.MimeTypeH265, ""},
	}
	id := webrtc.PayloadType(96)
	for _, v := range video {
		if wanted := c.options.Codecs; wanted != nil && !slices.Contains(wanted, v.mime) || wanted == nil && v.mime == webrtc.MimeTypeH265 {
			continue
		}
		c.register(engine, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			PayloadType: id, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: v.mime, ClockRate: 90000, SDPFmtpLine: v.parameters},
		})
		if !c.options.NoRepair {
			c.register(engine, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
				PayloadType: id + 1, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", id)},
			})
		}
		id += 2
	}
	c.register(engine, webrtc.RTPCodecTypeAudio, webrtc.RTPCodecParameters{
		PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
	})
}

func (c *Client) register(engine *webrtc.MediaEngine, kind webrtc.RTPCodecType, p webrtc.RTPCodecParameters) {
	c.t.Helper()
	if err := engine.RegisterCodec(p, kind); err != nil {
		c.t.Fatal(err)
	}
}

// Offer gives the offer with all candidates, the same each time.
func (c *Client) Offer() string {
	c.t.Helper()
	if c.offer != "" {
		return c.offer
	}
	offer, err := c.PC.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.PC)
	if err := c.PC.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
	text := c.PC.LocalDescription().SDP
	if c.options.Edit != nil {
		text = c.options.Edit(text)
	}
	c.offer = text
	return text
}

// Reply is an answer over HTTP.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends a request with the client's token.
func (c *Client) Ask(method, to, contentType, body string, head ...string) Reply {
	c.t.Helper()
	return Ask(c.t, method, to, contentType, body, append(head, "Authorization", bearer(c.options.Token))...)
}

func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

// Ask sends a request with headers, given as names and values; empty values are left out.
func Ask(t testing.TB, method, to, contentType, body string, head ...string) Reply {
	t.Helper()
	return askBy(t, &http.Transport{DisableKeepAlives: true}, method, to, contentType, body, head...)
}

func askBy(t testing.TB, transport *http.Transport, method, to, contentType, body string, head ...string) Reply {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(head); i += 2 {
		if head[i+1] != "" {
			r.Header.Set(head[i], head[i+1])
		}
	}
	client := http.Client{Transport: transport, Timeout: patience}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(a.Body); err != nil {
		t.Fatal(err)
	}
	return Reply{a.StatusCode, a.Header, b.String()}
}

// Want is Ask, with the status that must come.
func (c *Client) Want(status int, method, to, contentType, body string, head ...string) Reply {
	c.t.Helper()
	a := c.Ask(method, to, contentType, body, head...)
	if a.Status != status {
		c.t.Errorf("%s %s: got %d, want %d\n%s", method, to, a.Status, status, a.Body)
	}
	if problem := a.Header.Get("Content-Type"); a.Status >= http.StatusBadRequest && problem != "application/problem+json" {
		c.t.Errorf("%s: an error of the type %q", method, problem)
	}
	return a
}

// As gives the client another token.
func (c *Client) As(token string) *Client {
	other := *c
	other.options.Token = token
	return &other
}

// Connect begins the session and waits until media may flow.
func (c *Client) Connect(at string) {
	c.t.Helper()
	c.Begin(at)
	c.Await(webrtc.PeerConnectionStateConnected)
}

// Begin begins the session.
func (c *Client) Begin(at string) {
	c.t.Helper()
	a := c.Ask(http.MethodPost, at, "application/sdp", c.Offer())
	if a.Status != http.StatusCreated {
		c.t.Fatalf("POST %s: %d\n%s", at, a.Status, a.Body)
	}
	c.Header, c.ETag, c.Answer = a.Header, a.Header.Get("ETag"), a.Body
	base, err := url.Parse(at)
	if err != nil {
		c.t.Fatal(err)
	}
	location, err := base.Parse(a.Header.Get("Location"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.Location = location.String()
	if err := c.PC.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.candidates(a.Body)}); err != nil {
		c.t.Fatalf("answer: %v\n%s", err, a.Body)
	}
}

// candidates puts the address on the way in the place of the server's.
func (c *Client) candidates(answer string) string {
	if c.options.Via == "" {
		return answer
	}
	host, port, err := net.SplitHostPort(c.options.Via)
	if err != nil {
		c.t.Fatal(err)
	}
	transport := "udp"
	if c.options.TCP {
		transport = "tcp"
	}
	var out strings.Builder
	for l := range strings.Lines(answer) {
		if !strings.HasPrefix(l, "a=candidate:") {
			out.WriteString(l)
		}
		if words := strings.Fields(l); strings.HasPrefix(l, "a=candidate:") && words[2] == transport {
			words[4], words[5] = host, port
			out.WriteString(strings.Join(words, " ") + "\r\n")
		}
	}
	return out.String()
}

// Await waits for a state of the connection.
func (c *Client) Await(want webrtc.PeerConnectionState) {
	c.t.Helper()
	end := time.Now().Add(2 * patience)
	for c.PC.ConnectionState() != want {
		if time.Now().After(end) {
			c.t.Fatalf("the connection is %s, not %s\n%s", c.PC.ConnectionState(), want, c.Answer)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Delete ends the session as the protocol has it.
func (c *Client) Delete() {
	c.t.Helper()
	if a := c.Ask(http.MethodDelete, c.Location, "", ""); a.Status != http.StatusOK {
		c.t.Errorf("DELETE: %d\n%s", a.Status, a.Body)
	}
}

// Close ends the connection, without a word to the server.
func (c *Client) Close() { _ = c.PC.GracefulClose() }

// Pair gives which pair of addresses is in use.
func (c *Client) Pair() string {
	pair, err := c.PC.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return ""
	}
	return pair.String()
}

// Restart begins ICE anew, as RFC 9725 §4.3.3 has it.
func (c *Client) Restart() {
	c.t.Helper()
	offer, err := c.PC.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.PC.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	fragment := "a=ice-ufrag:" + line(offer.SDP, "a=ice-ufrag:") + "\r\na=ice-pwd:" + line(offer.SDP, "a=ice-pwd:") + "\r\n"
	a := c.Want(http.StatusOK, http.MethodPatch, c.Location, "application/trickle-ice-sdpfrag", fragment, "If-Match", "*")
	c.ETag = a.Header.Get("ETag")
	answer := c.Answer
	for _, name := range []string{"a=ice-ufrag:", "a=ice-pwd:"} {
		answer = strings.ReplaceAll(answer, name+line(answer, name), name+line(a.Body, name))
	}
	c.Answer = answer
	if err := c.PC.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.candidates(answer)}); err != nil {
		c.t.Fatal(err)
	}
}

// line gives what follows a prefix in the first line that has it.
func line(text, prefix string) string {
	_, rest, _ := strings.Cut(text, prefix)
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
