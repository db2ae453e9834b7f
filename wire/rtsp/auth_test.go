package rtsp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The examples of the standards.
func TestDigestVectors(t *testing.T) {
	for _, tt := range []struct {
		name       string
		credential string
		method     string
		password   string
		want       string
	}{
		{
			"RFC 7616 §3.9.1, MD5", `username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5,
			nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth`,
			"GET", "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec",
		},
		{
			"RFC 7616 §3.9.1, SHA-256", `username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256,
			nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth`,
			"GET", "Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		},
		{
			"RFC 2069 §2.4, with its erratum", `username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html"`,
			"GET", "CircleOfLife", "1949323746fe6a43ef61f9606e7febea",
		},
		{
			"RFC 2617 §3.5", `username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html",
			qop=auth, nc=00000001, cnonce="0a4f113b"`,
			"GET", "Circle Of Life", "6629fae49393a05397450978507c4ef1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := parseDigest(tt.credential)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := d.response(d.hash(d.user+":"+d.realm+":"+tt.password), tt.method)
			if !ok || got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestHA1(t *testing.T) {
	h := HA1Of("partner", "secret")
	d := digest{algorithm: algorithmMD5}
	if want := d.hash("partner:simulcart:secret"); h.text(algorithmMD5) != want {
		t.Errorf("MD5: got %s, want %s", h.text(algorithmMD5), want)
	}
	d.algorithm = algorithmSHA256
	if want := d.hash("partner:simulcart:secret"); h.text(algorithmSHA256) != want {
		t.Errorf("SHA-256: got %s, want %s", h.text(algorithmSHA256), want)
	}
	if h.IsZero() || !(HA1{}).IsZero() {
		t.Error("zero and not zero")
	}
}

// answerTo is what a client with a user and password answers to one of the challenges, for a URL.
func answerTo(t testing.TB, f Field, user, password, method, url string, change func(d *digest)) Credentials {
	t.Helper()
	c := bestChallenge([]string{f.Value})
	if c == nil {
		t.Fatalf("no challenge: %s", f.Value)
	}
	if change != nil {
		change(&c.digest)
	}
	got, err := ParseCredentials(c.answer(URL{User: user, Password: password}, &Request{Method: method, URL: url}))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestChallenge(t *testing.T) {
	for _, basic := range []bool{false, true} {
		a := &Auth{Basic: basic}
		var got []string
		for _, f := range a.Challenge("192.0.2.1", false) {
			if f.Name != "WWW-Authenticate" {
				t.Errorf("got the field %s", f.Name)
			}
			got = append(got, f.Value)
		}
		nonce := bestChallenge(got).digest.nonce
		want := []string{
			`Digest realm="simulcart", nonce="` + nonce + `", algorithm=SHA-256, qop="auth"`,
			`Basic realm="simulcart"`,
			`Digest realm="simulcart", nonce="` + nonce + `", algorithm=MD5, qop="auth"`,
		}
		if !basic {
			want = append(want[:1], want[2])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("basic %t (-want +got)\n%s", basic, diff)
		}
	}
	a := new(Auth)
	if f := a.Challenge("", true)[1]; !strings.HasSuffix(f.Value, ", stale=true") {
		t.Errorf("got %s", f.Value)
	}
	if one, other := a.nonce("", time.Now()), a.nonce("", time.Now()); one == other {
		t.Error("the same nonce twice")
	}
}

func TestCheck(t *testing.T) {
	const (
		url  = "rtsp://host:554/show/trackID=1?token=x"
		peer = "192.0.2.1"
	)
	known := HA1Of("partner", "secret")
	plain := func(d *digest) { d.qop = "" }
	for _, tt := range []struct {
		name           string
		user, password string
		method, url    string // that the answer is made for
		change         func(d *digest)
		known          HA1
		want           error
	}{
		{"right", "partner", "secret", "PLAY", url, nil, known, nil},
		{"without qop", "partner", "secret", "PLAY", url, plain, known, nil},
		{"for the whole stream", "partner", "secret", "PLAY", "rtsp://host:554/show?token=x", nil, known, nil},
		{"for the whole stream with a slash", "partner", "secret", "PLAY", "rtsp://host/show/?token=x", nil, known, nil},
		{"for the path alone", "partner", "secret", "PLAY", "/show/trackID=1?token=x", nil, known, nil},
		{"password", "partner", "wrong", "PLAY", url, nil, known, ErrCredentials},
		{"user", "other", "secret", "PLAY", url, nil, known, ErrCredentials},
		{"method", "partner", "secret", "SETUP", url, nil, known, ErrCredentials},
		{"path", "partner", "secret", "PLAY", "rtsp://host:554/other?token=x", nil, known, ErrCredentials},
		{"query", "partner", "secret", "PLAY", "rtsp://host:554/show?token=y", nil, known, ErrCredentials},
		{"no URL", "partner", "secret", "PLAY", "*", nil, known, ErrCredentials},
		{"realm", "partner", "secret", "PLAY", url, func(d *digest) { d.realm = "other" }, known, ErrCredentials},
		{"nonce of somebody else", "partner", "secret", "PLAY", url, func(d *digest) { d.nonce = new(Auth).nonce(peer, time.Now()) }, known, ErrStale},
		{"nonce that is none", "partner", "secret", "PLAY", url, func(d *digest) { d.nonce = "x" }, known, ErrStale},
		{"nonce that is no base64", "partner", "secret", "PLAY", url, func(d *digest) { d.nonce = "%" }, known, ErrStale},
		{"wrong nonce and password", "partner", "wrong", "PLAY", url, func(d *digest) { d.nonce = "x" }, known, ErrCredentials},
		{"nothing is kept", "partner", "secret", "PLAY", url, nil, HA1{}, ErrCredentials},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := new(Auth)
			for _, f := range a.Challenge(peer, false) {
				c := answerTo(t, f, tt.user, tt.password, tt.method, tt.url, tt.change)
				if err := a.Check(c, &Request{Method: "PLAY", URL: url}, peer, tt.known); !errors.Is(err, tt.want) {
					t.Errorf("%s: got %v, want %v", f.Value, err, tt.want)
				}
				if c.Scheme != Digest || c.User != tt.user {
					t.Errorf("got %s of %s", c.Scheme, c.User)
				}
			}
		})
	}
	a := new(Auth)
	f := a.Challenge(peer, false)[0]
	right := answerTo(t, f, "partner", "secret", "PLAY", url, nil)
	if err := a.Check(right, &Request{Method: "PLAY", URL: url}, "192.0.2.2", known); !errors.Is(err, ErrStale) {
		t.Errorf("from another address: got %v", err)
	}
	if err := a.Check(right, &Request{Method: "PLAY", URL: "*"}, peer, known); !errors.Is(err, ErrCredentials) {
		t.Errorf("for the server: got %v", err)
	}
	whole := answerTo(t, f, "partner", "secret", "OPTIONS", "*", nil)
	if err := a.Check(whole, &Request{Method: "OPTIONS", URL: "*"}, peer, known); err != nil {
		t.Errorf("server: got %v", err)
	}
	if err := a.Check(Credentials{Scheme: Basic, User: "partner", Password: "secret"}, &Request{}, peer, known); !errors.Is(err, ErrCredentials) {
		t.Errorf("Basic: got %v", err)
	}
	// Who knows that nothing is kept of a user cannot answer for it.
	zero := right
	zero.digest.answer, _ = zero.digest.response(HA1{}.text(algorithmSHA256), "PLAY")
	if err := a.Check(zero, &Request{Method: "PLAY", URL: url}, peer, HA1{}); !errors.Is(err, ErrCredentials) {
		t.Errorf("an answer to the zero value: got %v", err)
	}
	upper := right
	upper.digest.answer = strings.ToUpper(upper.digest.answer)
	if err := a.Check(upper, &Request{Method: "PLAY", URL: url}, peer, known); err != nil {
		t.Errorf("upper case: got %v", err)
	}
	for name, change := range map[string]func(d *digest){
		"no nc": func(d *digest) { d.nc = "" }, "no cnonce": func(d *digest) { d.cnonce = "" }, "auth-int": func(d *digest) { d.qop = "auth-int" },
	} {
		c := right
		change(&c.digest)
		if err := a.Check(c, &Request{Method: "PLAY", URL: url}, peer, known); !errors.Is(err, ErrCredentials) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestNonceLifetime(t *testing.T) {
	for _, tt := range []struct {
		name     string
		lifetime time.Duration
		wait     time.Duration
		want     error
	}{
		{"at once", 0, 0, nil},
		{"before its end", 0, DefaultNonceLifetime - 1, nil},
		{"at its end", 0, DefaultNonceLifetime, ErrStale},
		{"a lifetime of its own", time.Second, time.Second - 1, nil},
		{"its end", time.Second, time.Second, ErrStale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &Auth{Lifetime: tt.lifetime}
				c := answerTo(t, a.Challenge("", false)[0], "u", "p", "PLAY", "rtsp://h/s", nil)
				time.Sleep(tt.wait)
				if err := a.Check(c, &Request{Method: "PLAY", URL: "rtsp://h/s"}, "", HA1Of("u", "p")); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
	a := new(Auth)
	if nonce := a.nonce("", time.Now().Add(time.Hour)); a.isGood(nonce, "", time.Now()) {
		t.Error("a nonce of the future is good")
	}
}

func TestParseCredentials(t *testing.T) {
	const nonce = `nonce="n", uri="u", response="r"`
	for _, tt := range []struct {
		name, text string
		want       Credentials
		fault      string
	}{
		{"Basic", "Basic " + base64.StdEncoding.EncodeToString([]byte("partner:se:cret")), Credentials{Scheme: Basic, User: "partner", Password: "se:cret"}, ""},
		{"lower case", "basic " + base64.StdEncoding.EncodeToString([]byte(":")), Credentials{Scheme: Basic}, ""},
		{
			"Digest", `Digest username="partner",` + nonce + `,realm="simulcart",opaque="o",qop=auth,nc=1,cnonce="c",algorithm="sha-256",x=y,`,
			Credentials{Scheme: Digest, User: "partner", digest: digest{
				realm: "simulcart", nonce: "n", opaque: "o", algorithm: "SHA-256", qop: "auth", user: "partner", uri: "u", cnonce: "c", nc: "1", answer: "r",
			}},
			"",
		},
		{"a comma in a value", `DIGEST username="a,b",` + nonce, Credentials{Scheme: Digest, User: "a,b", digest: digest{nonce: "n", algorithm: "MD5", user: "a,b", uri: "u", answer: "r"}}, ""},
		{"without quotes", "Digest username=a,nonce=n,uri=u,response=r", Credentials{Scheme: Digest, User: "a", digest: digest{nonce: "n", algorithm: "MD5", user: "a", uri: "u", answer: "r"}}, ""},
		{"nothing", "", Credentials{}, "unsupported"},
		{"Bearer", "Bearer SECRET", Credentials{}, "unsupported"},
		{"Basic that is no base64", "Basic %SECRET", Credentials{}, "syntax"},
		{"Basic without a colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("SECRET")), Credentials{}, "syntax"},
		{"Digest without username", "Digest " + nonce, Credentials{}, "syntax"},
		{"Digest with half a parameter", "Digest username", Credentials{}, "syntax"},
		{"Digest with two", `Digest username="a",username="b",` + nonce, Credentials{}, "syntax"},
		{"another algorithm", `Digest username="a",algorithm=MD5-sess,` + nonce, Credentials{}, "unsupported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCredentials(tt.text)
			if fault(err) != tt.fault || got != tt.want {
				t.Errorf("got %+v and error %v", got.digest, err)
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%v repeats a secret", err)
			}
		})
	}
	c := Credentials{Scheme: Basic, User: "partner", Password: "SECRET"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, c); got != "Basic credentials" {
			t.Errorf("%s: got %s", verb, got)
		}
	}
	if Digest.String() != "Digest" || Scheme(0).String() != "none" {
		t.Error("the wrong names")
	}
}

func TestBestChallenge(t *testing.T) {
	const (
		sha   = `Digest realm="r", nonce="s", algorithm=SHA-256, qop="auth,auth-int"`
		md5   = `digest realm="r", nonce="m", opaque="o"`
		basic = `Basic realm="r"`
	)
	for _, tt := range []struct {
		name   string
		values []string
		want   string // the beginning of what is answered; empty: nothing
	}{
		{"all", []string{md5, basic, sha}, `Digest username="u", realm="r", nonce="s", uri="rtsp://h/s", response=`},
		{"MD5 and Basic", []string{basic, md5}, `Digest username="u", realm="r", nonce="m", uri="rtsp://h/s", response=`},
		{"Basic", []string{"Bearer", basic}, "Basic dTpw"},
		{"none that is known", []string{"Bearer", `Digest nonce="x", algorithm=SHA-512-256`, `Digest realm="r"`, "Digest x"}, ""},
		{"none", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := bestChallenge(tt.values)
			if tt.want == "" {
				if c != nil {
					t.Errorf("got %+v", c)
				}
				return
			}
			got := c.answer(URL{User: "u", Password: "p"}, &Request{Method: "PLAY", URL: "rtsp://h/s"})
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s", got)
			}
			if strings.Contains(got, "qop=") != strings.Contains(got, `nonce="s"`) {
				t.Errorf("got %s", got)
			}
			if strings.Contains(got, `nonce="m"`) != strings.HasSuffix(got, `algorithm=MD5, opaque="o"`) {
				t.Errorf("got %s", got)
			}
		})
	}
	c := bestChallenge([]string{sha})
	for n := 1; n <= 2; n++ {
		if got := c.answer(URL{}, &Request{}); !strings.Contains(got, fmt.Sprintf("qop=auth, nc=%08x, cnonce=", n)) {
			t.Errorf("use %d: got %s", n, got)
		}
	}
}
