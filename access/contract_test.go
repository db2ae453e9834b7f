package access

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// everybody is a registry with a principal for each way of being known, by name.
func everybody(t *testing.T) (*Registry, map[string]Principal) {
	t.Helper()
	r := &Registry{}
	r.Replace(map[string]Grant{"maria": {Key: DigestOf("maria-key")}, "open": {Key: DigestOf("open-key"), Public: true}})
	r.SetTokens([]Token{
		{Name: "ops", Digest: DigestOf("ops-token"), Role: Admin},
		{Name: "creator", Digest: DigestOf("creator-token"), Role: Creator, Stream: "maria"},
		{Name: "wall", Digest: DigestOf("wall-token"), Role: Reader},
	})
	var contracts []Contract
	for p := RTMP; p < protocols; p++ {
		contracts = append(contracts, Contract{Partner: p.String(), Digest: DigestOf(p.String() + "-token"), Streams: []string{"maria"}, Protocols: []Protocol{p}})
	}
	contracts = append(contracts,
		Contract{Partner: "expired", Digest: DigestOf("expired-token"), Streams: []string{"maria"}, Protocols: []Protocol{RTMP, RTSP, HLS, WHEP}, Expires: time.Now()},
		Contract{Partner: "foreign", Digest: DigestOf("foreign-token"), Streams: []string{"other"}, Protocols: []Protocol{RTMP, RTSP, HLS, WHEP}},
	)
	r.SetContracts(contracts)
	who := map[string]Principal{"anybody": {}, "key": r.Identify("maria-key"), "foreign key": r.Identify("open-key"), "unknown": r.IdentifyViewer("guess")}
	for _, token := range []string{"ops", "creator", "wall"} {
		who["api "+token] = r.IdentifyToken(token + "-token")
	}
	for _, c := range contracts {
		who["partner "+c.Partner] = r.IdentifyViewer(c.Partner + "-token")
	}
	for _, l := range []struct {
		name, stream string
		over         []Protocol
	}{{"link", "maria", []Protocol{HLS}}, {"link to all", "maria", []Protocol{RTMP, RTSP, HLS, WHEP}}, {"foreign link", "other", []Protocol{RTMP, RTSP, HLS, WHEP}}} {
		secret, _, err := r.NewLink(l.stream, l.over, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		who[l.name] = r.IdentifyViewer(secret.Reveal())
	}
	return r, who
}

// Who may pull the private stream maria, by protocol. A protocol without its column is a fault.
var mayPlay = map[Protocol][]string{
	RTMP: {"key", "partner rtmp", "link to all"},
	RTSP: {"key", "partner rtsp", "link to all"},
	HLS:  {"key", "partner hls", "link", "link to all"},
	WHEP: {"key", "partner whep", "link to all"},
}

// Every principal × action × protocol: what is not in mayPlay, or said here, is denied.
func TestEveryProtocolActionAndRole(t *testing.T) {
	r, everybody := everybody(t)
	others := map[Action][]string{
		Publish: {"key"}, Read: {"api ops", "api creator", "api wall"}, Change: {"api ops", "api creator"}, Administer: {"api ops"},
	}
	for over := RTMP; over < protocols; over++ {
		if mayPlay[over] == nil {
			t.Errorf("%s has no column: say who may play it", over)
		}
		others[Play] = mayPlay[over]
		for a := Publish; a <= Administer; a++ {
			allowed := make(map[string]bool)
			for _, name := range others[a] {
				allowed[name] = true
			}
			for name, p := range everybody {
				err := r.Authorize(p, a, Object{Stream: "maria", Over: over})
				if (err == nil) != allowed[name] || err != nil && !errors.Is(err, ErrDenied) {
					t.Errorf("%s: %s over %s: got %v, want allowed %v", name, a, over, err, allowed[name])
				}
				if err := r.Authorize(p, a, Object{Stream: "nobody", Over: over}); err == nil && p.Role != Admin && p.Role != Reader {
					t.Errorf("%s may %s a stream that is not known", name, a)
				}
				if err := r.Authorize(p, Play, Object{Stream: "open", Over: over}); err != nil {
					t.Errorf("%s may not play a public stream: %v", name, err)
				}
			}
		}
	}
}

// A pass ends when its contract expires, changes its token, loses the stream or the protocol, or is gone; others stay.
func TestPassEnds(t *testing.T) {
	contract := Contract{Partner: "tsl", Digest: DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []Protocol{RTSP}, Expires: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}
	with := func(change func(c *Contract)) Contract {
		c := contract
		change(&c)
		return c
	}
	for _, c := range []struct {
		name string
		do   func(r *Registry)
		ends bool
	}{
		{"nothing happens", func(*Registry) {}, false},
		{"the same again", func(r *Registry) { r.SetContracts([]Contract{contract}) }, false},
		{"another view of time", func(*Registry) { time.Sleep(59 * time.Minute) }, false},
		{"expires", func(*Registry) { time.Sleep(time.Hour) }, true},
		{"expired now", func(r *Registry) { r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Now() })}) }, true},
		{"expires sooner", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Now().Add(time.Minute) })})
			time.Sleep(time.Minute)
		}, true},
		{"expires later", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Now().Add(3 * time.Hour) })})
			time.Sleep(2 * time.Hour)
		}, false},
		{"expires no more", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Time{} })})
			time.Sleep(2 * time.Hour)
		}, false},
		{"expires now", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Time{} })})
			r.SetContracts([]Contract{with(func(c *Contract) { c.Expires = time.Now().Add(time.Second) })})
			time.Sleep(time.Second)
		}, true},
		{"gone", func(r *Registry) { r.SetContracts(nil) }, true},
		{"another token", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Digest = DigestOf("new") })})
		}, true},
		{"another stream", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Streams = []string{"ana"} })})
		}, true},
		{"another protocol", func(r *Registry) {
			r.SetContracts([]Contract{with(func(c *Contract) { c.Protocols = []Protocol{HLS} })})
		}, true},
		{"the stream is gone", func(r *Registry) { r.Replace(nil) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &Registry{}
				r.Replace(map[string]Grant{"maria": {}})
				r.SetContracts([]Contract{contract})
				pass, err := r.Open(r.IdentifyViewer("tsl-token"), Object{"maria", RTSP})
				if err != nil {
					t.Fatal(err)
				}
				defer pass.Close()
				c.do(r)
				synctest.Wait()
				ended := false
				select {
				case <-pass.Done():
					ended = true
				default:
				}
				if ended != c.ends {
					t.Errorf("ended %v, want %v", ended, c.ends)
				}
				if got := r.Connections("tsl"); (got == 0) != c.ends {
					t.Errorf("%d connections are counted", got)
				}
			})
		})
	}
}

// The number of connections is bounded over all streams and protocols, and a pass that is given back twice counts once.
func TestConnectionsAreBounded(t *testing.T) {
	r := &Registry{}
	r.Replace(map[string]Grant{"maria": {}, "ana": {}})
	r.SetContracts([]Contract{{Partner: "tsl", Digest: DigestOf("t"), Streams: []string{"maria", "ana"}, Protocols: []Protocol{RTSP, HLS}, MaxConnections: 2}})
	who := r.IdentifyViewer("t")
	open := func(stream string, over Protocol) (*Pass, error) { return r.Open(who, Object{stream, over}) }
	first, err := open("maria", RTSP)
	if _, err2 := open("ana", HLS); err != nil || err2 != nil || first.Partner() != "tsl" {
		t.Fatal(err, err2)
	}
	if _, err := open("maria", HLS); !errors.Is(err, ErrFull) {
		t.Errorf("the third: got %v, want %v", err, ErrFull)
	}
	if _, err := open("maria", WHEP); !errors.Is(err, ErrDenied) {
		t.Errorf("a protocol of no contract: got %v, want %v", err, ErrDenied)
	}
	first.Close()
	first.Close()
	if got := r.Connections("tsl"); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
	if _, err := open("maria", HLS); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}

// A stream that is public no more loses those who came without a token; the holder of a key that was changed is out too.
func TestPassesWithoutContract(t *testing.T) {
	r := &Registry{}
	r.Replace(map[string]Grant{"open": {Key: DigestOf("open-key"), Public: true}})
	anybody, err := r.Open(Principal{}, Object{"open", HLS})
	creator, err2 := r.Open(r.IdentifyViewer("open-key"), Object{"open", HLS})
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	r.Replace(map[string]Grant{"open": {Key: DigestOf("open-key")}})
	select {
	case <-anybody.Done():
	default:
		t.Error("anybody stays with a private stream")
	}
	select {
	case <-creator.Done():
		t.Error("the creator was sent away")
	default:
	}
	r.Replace(map[string]Grant{"open": {Key: DigestOf("new-key")}})
	<-creator.Done()
}

// A login is good for its own partner only, and unknown users cost what known ones do.
func TestLogin(t *testing.T) {
	r := &Registry{}
	r.Replace(map[string]Grant{"maria": {}})
	r.SetContracts([]Contract{{Partner: "tsl", Digest: DigestOf("t"), Login: LoginOf("tsl", "t"), Streams: []string{"maria"}, Protocols: []Protocol{RTSP}}})
	for _, c := range []struct {
		name, user, token string
		want              bool
	}{{"right", "tsl", "t", true}, {"wrong token", "tsl", "x", false}, {"another's name", "other", "t", false}, {"nobody", "", "", false}} {
		asked := 0
		p := r.IdentifyLogin(c.user, func(l Login) bool { asked++; return l == LoginOf(c.user, c.token) })
		if err := r.Authorize(p, Play, Object{"maria", RTSP}); (err == nil) != c.want || asked != 1 {
			t.Errorf("%s: got %v, asked %d times", c.name, err, asked)
		}
	}
	if got, want := fmt.Sprintf("%x", LoginOf("tsl", "t").MD5), "600eaadf9b3fb31eacb9b098a327cfbb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Registry{}
		r.Replace(map[string]Grant{"maria": {}})
		link := func(ttl time.Duration) string {
			secret, _, err := r.NewLink("maria", []Protocol{HLS, WHEP}, ttl)
			if err != nil {
				t.Fatal(err)
			}
			return secret.Reveal()
		}
		good := link(time.Hour)
		for name, secret := range map[string]string{
			"cut": good[:len(good)-1], "of another stream": "l1.other" + good[len("l1.maria"):], "longer": good + "A", "no parts": "l1", "empty": "", "all dots": "....",
			"of another process": func() string {
				s, _, _ := new(Registry).NewLink("maria", []Protocol{HLS}, time.Hour)
				return s.Reveal()
			}(),
		} {
			if p := r.IdentifyViewer(secret); r.Authorize(p, Play, Object{"maria", HLS}) == nil {
				t.Errorf("%s: let in", name)
			}
		}
		pass, err := r.Open(r.IdentifyViewer(good), Object{"maria", HLS})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		<-pass.Done()
		if _, err := r.Open(r.IdentifyViewer(good), Object{"maria", HLS}); !errors.Is(err, ErrDenied) {
			t.Errorf("an hour later: got %v, want %v", err, ErrDenied)
		}
		for name, err := range map[string]error{
			"too long": func() error { _, _, err := r.NewLink("maria", []Protocol{HLS}, 25*time.Hour); return err }(),
			"no time":  func() error { _, _, err := r.NewLink("maria", []Protocol{HLS}, 0); return err }(),
			"no way":   func() error { _, _, err := r.NewLink("maria", nil, time.Hour); return err }(),
		} {
			if err == nil {
				t.Errorf("%s: made", name)
			}
		}
	})
}

func TestProtocolNames(t *testing.T) {
	for p := RTMP; p < protocols; p++ {
		if got, err := ParseProtocol(p.String()); err != nil || got != p {
			t.Errorf("%s: got %v, %v", p, got, err)
		}
	}
	for _, word := range []string{"", "none", "srt"} {
		if _, err := ParseProtocol(word); err == nil {
			t.Errorf("%q is taken", word)
		}
	}
}

// FuzzOpenLink: no text but our own opens anything.
func FuzzOpenLink(f *testing.F) {
	r := &Registry{}
	r.Replace(map[string]Grant{"maria": {}})
	secret, _, err := r.NewLink("maria", []Protocol{HLS}, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret.Reveal())
	f.Add("l1.maria.8.99999999999.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := r.openLink(text); ok && text != secret.Reveal() {
			t.Errorf("%q is taken for a link", text)
		}
	})
}
