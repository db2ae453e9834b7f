package rtsp

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/simulcart/simulcart/wire"
)

// Scheme is how a client shows who it is. The set is closed.
type Scheme uint8

// The schemes.
const (
	Basic  Scheme = iota + 1 // RFC 7617: the password itself
	Digest                   // RFC 7616: a hash over password, nonce and request
)

// String gives the name as it stands in headers.
func (s Scheme) String() string {
	switch s {
	case Basic:
		return "Basic"
	case Digest:
		return "Digest"
	}
	return "none"
}

const (
	wwwAuthenticate = "WWW-Authenticate"
	authorization   = "Authorization"

	algorithmMD5    = "MD5"
	algorithmSHA256 = "SHA-256"
)

// Credentials are what a client shows in its Authorization header.
type Credentials struct {
	Scheme   Scheme
	User     string
	Password string // with Basic; a secret
	digest   digest
}

// String says nothing that is secret.
func (c Credentials) String() string { return c.Scheme.String() + " credentials" }

// GoString is the same.
func (c Credentials) GoString() string { return c.String() }

// digest is the parameters of a Digest challenge or answer, RFC 7616 §3.3 and §3.4.
type digest struct {
	realm, nonce, opaque, algorithm, qop string

	user, uri, cnonce, nc string // of an answer
	answer                string // the response itself, in hexadecimal
}

// ParseCredentials reads an Authorization header. One that breaks the format is a [*wire.SyntaxError]; other schemes, algorithms and qualities
// of protection are a [*wire.UnsupportedError].
func ParseCredentials(value string) (Credentials, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		user, password, found := strings.Cut(string(text), ":")
		if err != nil || !found {
			return Credentials{}, authSyntax("Basic is not user:password in base64")
		}
		return Credentials{Scheme: Basic, User: user, Password: password}, nil
	case strings.EqualFold(scheme, "Digest"):
		d, err := parseDigest(rest)
		if err != nil {
			return Credentials{}, err
		}
		if d.user == "" || d.nonce == "" || d.uri == "" || d.answer == "" {
			return Credentials{}, authSyntax("Digest without username, nonce, uri or response")
		}
		return Credentials{Scheme: Digest, User: d.user, digest: d}, nil
	}
	return Credentials{}, authUnsupported("schemes other than Basic and Digest")
}

// parseDigest reads name=value and name="value" with commas between them.
func parseDigest(s string) (d digest, err error) {
	fields := map[string]*string{
		"realm": &d.realm, "nonce": &d.nonce, "opaque": &d.opaque, "algorithm": &d.algorithm, "qop": &d.qop,
		"username": &d.user, "uri": &d.uri, "cnonce": &d.cnonce, "nc": &d.nc, "response": &d.answer,
	}
	for _, part := range splitQuoted(s, ',') {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		field, known := fields[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case !found && name != "":
			return digest{}, authSyntax("a parameter without a value")
		case !known:
			continue
		case *field != "":
			return digest{}, authSyntax("a parameter that is there twice")
		}
		*field = unquote(strings.TrimSpace(value))
	}
	switch strings.ToUpper(d.algorithm) {
	case "", algorithmMD5:
		d.algorithm = algorithmMD5
	case algorithmSHA256:
		d.algorithm = algorithmSHA256
	default:
		return digest{}, authUnsupported("algorithms other than MD5 and SHA-256")
	}
	return d, nil
}

// unquote takes the quotes off a quoted string. No value of ours needs an escape: a backslash stays.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// response computes what a client answers, RFC 7616 §3.4.1, and without qop RFC 2069 §2.1.2; false where the parameters do not give one.
func (d *digest) response(ha1, method string) (string, bool) {
	ha2 := d.hash(method + ":" + d.uri)
	switch {
	case d.qop == "":
		return d.hash(ha1 + ":" + d.nonce + ":" + ha2), true
	case strings.EqualFold(d.qop, "auth") && d.nc != "" && d.cnonce != "":
		return d.hash(strings.Join([]string{ha1, d.nonce, d.nc, d.cnonce, d.qop, ha2}, ":")), true
	}
	return "", false
}

func (d *digest) hash(text string) string {
	if d.algorithm == algorithmSHA256 {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// String gives the value of an Authorization header.
func (d *digest) String() string {
	s := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s`,
		d.user, d.realm, d.nonce, d.uri, d.answer, d.algorithm)
	if d.qop != "" {
		s += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, d.qop, d.nc, d.cnonce)
	}
	if d.opaque != "" {
		s += fmt.Sprintf(`, opaque="%s"`, d.opaque)
	}
	return s
}

func authSyntax(msg string) error { return &wire.SyntaxError{Format: "rtsp authorization", Msg: msg} }

func authUnsupported(msg string) error {
	return &wire.UnsupportedError{Format: "rtsp authorization", Msg: msg}
}
