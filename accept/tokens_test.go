//go:build linux

package accept_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// tokens is a gateway with contracts of several kinds, and what they may show.
type tokens struct {
	*gateway
	mine, other stream
	good        string            // of the partner who may pull mine over all protocols
	bad         map[string]string // what is not good for mine over any protocol
	only        map[string]string // by protocol: good over that one alone
}

// startTokens starts a gateway with two live private streams.
func startTokens(t *testing.T) *tokens {
	t.Helper()
	k := &tokens{mine: stream{id: "maria"}, other: stream{id: "nikos"}, good: key("tsl")}
	k.only = map[string]string{"rtsp": key("onlyrtsp"), "rtmp": key("onlyrtmp"), "hls": key("onlyhls")}
	k.bad = map[string]string{
		"no token": "", "an unknown one": key("nobody"), "a good one cut short": k.good[:len(k.good)-1], "a good one and more": k.good + "0",
		"one for another stream": key("foreign"), "an expired one": key("expired"), "the key of another stream": k.other.key(),
		"the name of the partner": "tsl", "the token of the API": adminToken,
	}
	addr := mediatest.FreeAddrs(t, 1)[0]
	g := &gateway{tokens: true, rtsp: addr}
	g.partners = fmt.Sprintf("rtsp: {listen: %q}\nhls: {segment: 2s, part: 200ms}\npartners:\n", addr) +
		fmt.Sprintf("  foreign: {token: %q, streams: [nikos], protocols: [rtsp, hls, rtmp]}\n", k.bad["one for another stream"]) +
		fmt.Sprintf("  expired: {token: %q, streams: [maria], protocols: [rtsp, hls, rtmp], expires: 2020-01-31}\n", k.bad["an expired one"])
	for protocol, token := range k.only {
		g.partners += fmt.Sprintf("  only%s: {token: %q, streams: [maria], protocols: [%s]}\n", protocol, token, protocol)
	}
	g.partners += fmt.Sprintf("  stays: {token: %q, streams: [maria], protocols: [rtsp, hls, rtmp]}\n", key("stays")) +
		fmt.Sprintf("  tsl: {token: %q, streams: [maria], protocols: [rtsp, hls, rtmp]}\n", k.good)
	k.gateway = g.start(t, k.mine, k.other)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 60, BFrames: 3})
	for _, s := range []stream{k.mine, k.other} {
		mediatest.PublishLoop(t, clip, g.publishURL(s))
		g.awaitState(t, s, "live")
	}
	return k
}

// TestTokens shows wrong, foreign, expired and altered tokens on every protocol and every method of it: none is let in, and what is good
// is.
func TestTokens(t *testing.T) {
	realPeers(t)
	k := startTokens(t)
	k.bad["a link for another stream"] = k.link(t, k.other, "1h", "rtsp", "hls", "rtmp")["hls"]
	k.bad["an expired link"] = k.link(t, k.mine, "1s", "rtsp", "hls", "rtmp")["hls"]
	time.Sleep(1500 * time.Millisecond)
	tries := map[string]func(t *testing.T, token string) bool{"rtsp": k.triesRTSP, "rtmp": k.triesRTMP, "hls": k.triesHLS}
	for protocol, try := range tries {
		t.Run(protocol, func(t *testing.T) {
			good := map[string]string{
				"the partner": k.good, "one for this protocol": k.only[protocol], "the stream's own key": k.mine.key(),
				"a link": k.link(t, k.mine, "1h", protocol)[protocol],
			}
			for what, token := range good {
				if !try(t, token) {
					t.Errorf("%s is refused", what)
				}
			}
			for what, token := range k.bad {
				if try(t, token) {
					t.Errorf("%s is let in", what)
				}
			}
			for other := range tries {
				if other == protocol {
					continue
				}
				if try(t, k.only[other]) {
					t.Errorf("a token for %s alone is let in", other)
				}
				if try(t, k.link(t, k.mine, "1h", other)[other]) {
					t.Errorf("a link for %s alone is let in", other)
				}
			}
		})
	}
	t.Run("rtsp methods", k.rtspMethods)
	t.Run("hls addresses", k.hlsAddresses)
	t.Run("links", k.linkMakers)
}

// link asks for links, and gives the secret of each.
func (k *tokens) link(t *testing.T, s stream, ttl string, protocols ...string) map[string]string {
	t.Helper()
	list, err := json.Marshal(protocols)
	if err != nil {
		t.Fatal(err)
	}
	code, body, err := k.ask(http.MethodPost, k.api(s, "/links"), fmt.Sprintf(`{"protocols":%s,"ttl":%q}`, list, ttl))
	if err != nil || code != http.StatusCreated {
		t.Fatalf("links: %d %s, %v", code, body, err)
	}
	var got struct{ Links map[string]string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for p, address := range got.Links {
		_, secret, found := strings.Cut(address, "token=")
		if !found {
			t.Fatalf("link for %s without a token: %s", p, address)
		}
		got.Links[p] = secret
	}
	return got.Links
}

// triesRTSP says whether DESCRIBE is answered, by query, Bearer or Basic.
func (k *tokens) triesRTSP(t *testing.T, token string) bool {
	t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("tsl:"+token))
	in := 0
	for _, way := range [][]string{{"?token=" + token, ""}, {"", "Bearer " + token}, {"", basic}} {
		c := dialRTSP(t, k.rtsp)
		status := c.ask(t, "DESCRIBE", "rtsp://"+k.rtsp+"/maria"+way[0], "Authorization", way[1])
		switch {
		case status == http.StatusOK:
			in++
		case status != http.StatusUnauthorized && status != http.StatusForbidden:
			t.Errorf("DESCRIBE with a token that is not good: status %d", status)
		}
		_ = c.Close()
	}
	return in > 0
}

// triesRTMP says whether play is accepted.
func (k *tokens) triesRTMP(t *testing.T, token string) bool {
	t.Helper()
	c := mediatest.Dial(t, k.rtmp)
	defer c.Close()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(); err != nil {
		return false
	}
	name := k.mine.id
	if token != "" {
		name += "?token=" + token
	}
	code, _ := c.Play(name)
	return code == "NetStream.Play.Start"
}

// triesHLS says whether the multivariant playlist is answered, by query or Bearer.
func (k *tokens) triesHLS(t *testing.T, token string) bool {
	t.Helper()
	in := 0
	for _, bearer := range []bool{false, true} {
		r, err := http.NewRequest(http.MethodGet, k.hlsURL(k.mine, ""), nil)
		if err != nil {
			t.Fatal(err)
		}
		if bearer {
			r.Header.Set("Authorization", "Bearer "+token)
		} else {
			r.URL.RawQuery = "token=" + token
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			in++
		case http.StatusUnauthorized, http.StatusForbidden:
		default:
			t.Errorf("index with a token that is not good: status %d", resp.StatusCode)
		}
	}
	if in == 1 {
		t.Error("index: the query and the header are not judged alike")
	}
	return in == 2
}

// rtspMethods sends each method without credentials, with wrong ones, and with the session of another connection.
func (k *tokens) rtspMethods(t *testing.T) {
	address := "rtsp://" + k.rtsp + "/maria"
	owner := dialRTSP(t, k.rtsp)
	bearer := "Bearer " + k.good
	if status := owner.ask(t, "DESCRIBE", address, "Authorization", bearer); status != http.StatusOK {
		t.Fatalf("DESCRIBE: status %d", status)
	}
	if status := owner.ask(t, "SETUP", address+"/trackID=0", "Authorization", bearer, "Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"); status != http.StatusOK {
		t.Fatalf("SETUP: status %d", status)
	}
	session, _, _ := strings.Cut(owner.field("Session"), ";")
	for _, method := range []string{"DESCRIBE", "SETUP", "PLAY", "PAUSE", "RECORD", "ANNOUNCE", "REDIRECT", "TEARDOWN"} {
		for what, fields := range map[string][]string{
			"nothing":                          {},
			"a wrong token":                    {"Authorization", "Bearer " + key("nobody")},
			"a wrong password":                 {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("tsl:wrong"))},
			"a session of another connection":  {"Session", session},
			"such a session and a wrong token": {"Session", session, "Authorization", "Bearer " + key("nobody")},
		} {
			c := dialRTSP(t, k.rtsp)
			url := address
			if method == "SETUP" {
				url += "/trackID=0"
				fields = append(fields, "Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")
			}
			if status := c.ask(t, method, url, fields...); status/100 == 2 {
				t.Errorf("%s with %s: status %d", method, what, status)
			}
			_ = c.Close()
		}
	}
	if status := owner.ask(t, "PLAY", address, "Authorization", bearer, "Session", session); status != http.StatusOK {
		t.Errorf("PLAY of the owner, after all that: status %d", status)
	}
}

// hlsAddresses alters what stands in the addresses of playlists and media.
func (k *tokens) hlsAddresses(t *testing.T) {
	p := newSipper(t, k.hlsURL(k.mine, k.good))
	foreign := newSipper(t, k.hlsURL(k.other, k.bad["one for another stream"]))
	var now *hls.Playlist
	mediatest.Within(t, patience, "a part of the segment that is open", func() bool {
		now = p.list(t)
		return len(now.Open.Parts) > 0
	})
	files := []string{"main.m3u8", now.Segments[0].Map, now.Segments[0].URI, now.Open.Parts[0].URI, "main.m3u8?_HLS_msn=" + fmt.Sprint(now.Next())}
	parts := strings.Split(p.media.Path, "/") // "", hls, maria, TICKET, SESSION, main.m3u8
	ticket := strings.Split(parts[3], ".")    // t1, holder, view, expires, mac
	with := func(at int, value string) string {
		altered := append([]string(nil), ticket...)
		altered[at] = value
		return strings.Join(altered, ".")
	}
	for what, altered := range map[string]string{
		"no ticket":             "-",
		"another mark":          with(0, "t2"),
		"another partner":       with(1, "p-stays"),
		"a holder without name": with(1, "any"),
		"the key's holder":      with(1, "key"),
		"another view":          with(2, "0123456789ab"),
		"a later end":           with(3, fmt.Sprint(time.Now().Add(1000*time.Hour).Unix())),
		"no mac":                with(4, ""),
		"another mac":           with(4, strings.Repeat("0", len(ticket[4]))),
		"a ticket of another":   strings.Split(foreign.media.Path, "/")[3],
		"the token":             k.good,
	} {
		for _, file := range files {
			status, _, err := p.ask(t.Context(), "/hls/maria/"+altered+"/"+parts[4]+"/"+file)
			if err != nil || status/100 != 4 {
				t.Errorf("%s with %s: status %d, %v", file, what, status, err)
			}
		}
	}
	for _, file := range files {
		if status, _, err := p.ask(t.Context(), file); err != nil || status != http.StatusOK {
			t.Errorf("%s as it is: status %d, %v", file, status, err)
		}
		if status, _, err := p.ask(t.Context(), "/hls/nikos/"+parts[3]+"/"+parts[4]+"/"+file); err != nil || status/100 != 4 {
			t.Errorf("%s of another stream: status %d, %v", file, status, err)
		}
		if code, _, err := k.ask(http.MethodPost, "http://"+k.http+"/hls/maria/"+parts[3]+"/"+parts[4]+"/"+file, "{}"); err != nil || code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d, %v", file, code, err)
		}
	}
}

// linkMakers asks for links with tokens that may not.
func (k *tokens) linkMakers(t *testing.T) {
	for what, token := range map[string]string{"nothing": "", "a wrong token": key("nobody"), "a partner's token": k.good, "the stream's key": k.mine.key(), "a link": k.bad["a link for another stream"]} {
		r, err := http.NewRequest(http.MethodPost, k.api(k.mine, "/links"), strings.NewReader(`{"protocols":["hls"],"ttl":"1h"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			t.Errorf("links with %s: status %d", what, resp.StatusCode)
		}
	}
	for _, ttl := range []string{"25h", "0s", "-1h", "soon"} {
		if code, body, err := k.ask(http.MethodPost, k.api(k.mine, "/links"), fmt.Sprintf(`{"protocols":["hls"],"ttl":%q}`, ttl)); err != nil || code/100 != 4 {
			t.Errorf("links for %s: %d %s, %v", ttl, code, body, err)
		}
	}
}

// TestRevoked takes a partner's contract away, and lets a link expire, while both pull over all protocols: all of it ends within a second,
// and another partner's goes on.
func TestRevoked(t *testing.T) {
	realPeers(t)
	k := startTokens(t)
	stays := k.pullAll(t, key("stays"), key("stays"), key("stays"))
	gone := k.pullAll(t, k.good, k.good, k.good)
	time.Sleep(time.Second)
	for protocol, ended := range gone {
		if over(ended) {
			t.Fatalf("%s ended by itself", protocol)
		}
	}
	begin := time.Now()
	k.partners = strings.Split(k.partners, "  tsl:")[0]
	k.configure(t, k.yaml(k.mine, k.other))
	awaitEnds(t, "revoked", gone, begin)

	begin = time.Now().Add(3 * time.Second)
	links := k.link(t, k.mine, "3s", "rtsp", "hls", "rtmp")
	linked := k.pullAll(t, links["rtsp"], links["rtmp"], links["hls"])
	awaitEnds(t, "expired_link", linked, begin)
	if k.triesHLS(t, links["hls"]) {
		t.Error("an expired link is let in over HLS")
	}
	for protocol, ended := range stays {
		if over(ended) {
			t.Errorf("the other partner's %s ended too", protocol)
		}
	}
	if k.triesHLS(t, k.good) || k.triesRTSP(t, k.good) || k.triesRTMP(t, k.good) {
		t.Error("the token that was taken away is let in")
	}
}

func over(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// awaitEnds measures when pulls end.
func awaitEnds(t *testing.T, name string, pulls map[string]<-chan struct{}, begin time.Time) {
	t.Helper()
	took := make(map[string]time.Duration)
	for end := time.Now().Add(patience); len(took) < len(pulls) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		for protocol, ended := range pulls {
			if _, known := took[protocol]; !known && over(ended) {
				took[protocol] = max(0, time.Since(begin))
			}
		}
	}
	for protocol := range pulls {
		if _, known := took[protocol]; !known {
			t.Errorf("%s: %s still pulls after %v", name, protocol, patience)
			continue
		}
		timeFigure(t, name+"_"+protocol, took[protocol], revokedGoal)
	}
}

// pullAll pulls over each protocol; a channel is closed when that is ended by the server. Over HLS there is a request that is held, again
// and again.
func (k *tokens) pullAll(t *testing.T, rtspToken, rtmpToken, hlsToken string) map[string]<-chan struct{} {
	t.Helper()
	c, _, _ := play(t, k.rtsp, "rtsp://"+k.rtsp+"/maria?token="+rtspToken)
	pulled := make(chan struct{})
	go func() {
		defer close(pulled)
		for {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	}()
	player := mediatest.StartPlay(t, k.rtmp, "maria?token="+rtmpToken, nil)
	p := newSipper(t, k.hlsURL(k.mine, hlsToken))
	sipped := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		defer close(sipped)
		status, body, err := p.ask(ctx, p.media.String())
		for next := 1; err == nil && status == http.StatusOK; next++ {
			_ = body
			status, _, err = p.ask(ctx, fmt.Sprintf("%s?_HLS_msn=%d", p.media, next))
			if status == http.StatusBadRequest { // before the next one may be asked for
				next, status = next-1, http.StatusOK
			}
		}
	}()
	return map[string]<-chan struct{}{"rtsp": pulled, "rtmp": player.Closed(), "hls": sipped}
}

// rtspClient speaks RTSP by hand.
type rtspClient struct {
	net.Conn
	lines  *bufio.Reader
	cseq   int
	fields map[string]string // of the newest answer
}

func dialRTSP(t testing.TB, addr string) *rtspClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &rtspClient{Conn: nc, lines: bufio.NewReader(nc)}
}

// ask sends a request with further fields, names and values in turn, and gives the status; empty values are left out.
func (c *rtspClient) ask(t testing.TB, method, url string, fields ...string) (status int) {
	t.Helper()
	c.cseq++
	text := fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, url, c.cseq)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] != "" {
			text += fields[i] + ": " + fields[i+1] + "\r\n"
		}
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(text + "\r\n")); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	c.fields = make(map[string]string)
	length := 0
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if status == 0 {
			_, _ = fmt.Sscanf(line, "RTSP/1.0 %d", &status)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		c.fields[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	_, _ = fmt.Sscan(c.fields["content-length"], &length)
	if _, err := c.lines.Discard(length); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return status
}

func (c *rtspClient) field(name string) string { return c.fields[strings.ToLower(name)] }
