package rtsp

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Realm is what passwords are good for. It is fixed, since [HA1] is made with it.
const Realm = "simulcart"

// DefaultNonceLifetime is how long a nonce is good where [Auth] tells nothing else.
const DefaultNonceLifetime = 5 * time.Minute

// Errors of [Auth.Check].
var (
	ErrCredentials = errors.New("rtsp authorization: wrong user, password or request")
	ErrStale       = errors.New("rtsp authorization: the nonce is not good any more")
)

// HA1 is what a server keeps of a password for Digest: hashes of user, realm and password (RFC 7616 §3.4.2). With them one can ask
// for streams over RTSP in the user's name, but the password does not come out of them. The zero value lets nobody in.
type HA1 struct {
	MD5    [md5.Size]byte
	SHA256 [sha256.Size]byte
}

// HA1Of makes what is kept of a password.
func HA1Of(user, password string) HA1 {
	text := []byte(user + ":" + Realm + ":" + password)
	return HA1{MD5: md5.Sum(text), SHA256: sha256.Sum256(text)}
}

// IsZero says whether nothing is kept.
func (h HA1) IsZero() bool { return h == HA1{} }

// Auth challenges clients, and checks what they answer (RFC 7616 for Digest, also as RFC 2069 had it; RFC 7617 for Basic). It keeps
// nothing of a challenge: a nonce holds its own time and a code under a key that lives as long as the Auth. The zero value is ready; any
// goroutine may use it.
type Auth struct {
	Lifetime time.Duration // of a nonce; 0 means DefaultNonceLifetime
	Basic    bool          // offers Basic too, which shows the password to whoever can read the connection: for TLS only

	once sync.Once
	key  [sha256.Size]byte
}

// Challenge gives the fields of a response with [StatusUnauthorized]. Clients that know SHA-256 take the first; ffmpeg, and others of
// its age, know MD5 only and take the last. peer is the client's address without port: the nonce is good for that alone. stale says that
// the answer was right but for its nonce, so that the client tries again without asking its user.
func (a *Auth) Challenge(peer string, stale bool) []Field {
	nonce := a.nonce(peer, time.Now())
	digest := func(algorithm string) Field {
		value := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, Realm, nonce, algorithm)
		if stale {
			value += ", stale=true"
		}
		return Field{wwwAuthenticate, value}
	}
	all := []Field{digest(algorithmSHA256)}
	if a.Basic {
		all = append(all, Field{wwwAuthenticate, fmt.Sprintf(`Basic realm="%s"`, Realm)})
	}
	return append(all, digest(algorithmMD5))
}

// Check checks the credentials of a request with Digest, for a user of whom known is kept. The error is [ErrCredentials] or
// [ErrStale].
func (a *Auth) Check(c Credentials, r *Request, peer string, known HA1) error {
	if c.Scheme != Digest || c.digest.realm != Realm || !samePlace(c.digest.uri, r.URL) {
		return ErrCredentials
	}
	want, ok := c.digest.response(known.text(c.digest.algorithm), r.Method)
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.digest.answer))) == 1
	if !ok || !same || known.IsZero() {
		return ErrCredentials
	}
	if !a.isGood(c.digest.nonce, peer, time.Now()) {
		return ErrStale
	}
	return nil
}

// text gives the hash that an algorithm uses, in hexadecimal as it goes into the next one.
func (h HA1) text(algorithm string) string {
	if algorithm == algorithmSHA256 {
		return hex.EncodeToString(h.SHA256[:])
	}
	return hex.EncodeToString(h.MD5[:])
}

// samePlace says whether the URL that an answer was made for is the request's. Some clients make it for the whole stream where
// they ask for a track, some leave out scheme and host.
func samePlace(answered, asked string) bool {
	if answered == asked {
		return true
	}
	b, err := ParseURL(asked)
	if err != nil {
		return false
	}
	if strings.HasPrefix(answered, "/") {
		answered = "rtsp://" + b.Address() + answered
	}
	a, err := ParseURL(answered)
	return err == nil && a.Path == b.Path && a.Query == b.Query
}

// A nonce is time 8 bytes · random 8 · code 16, in base64. The code is HMAC-SHA-256 over the peer and what stands before it.
const (
	nonceHead = 16
	nonceSize = nonceHead + 16
)

func (a *Auth) nonce(peer string, now time.Time) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, nonceSize), uint64(now.UnixNano()))
	b = b[:nonceHead]
	_, _ = rand.Read(b[8:]) // which never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(append(b, a.code(peer, b)...))
}

// isGood says whether a nonce is ours, was made for the peer, and is not too old.
func (a *Auth) isGood(nonce, peer string, now time.Time) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceHead:], a.code(peer, b[:nonceHead])) {
		return false
	}
	lifetime := a.Lifetime
	if lifetime == 0 {
		lifetime = DefaultNonceLifetime
	}
	age := now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(b))))
	return age >= 0 && age < lifetime
}

func (a *Auth) code(peer string, head []byte) []byte {
	a.once.Do(func() { _, _ = rand.Read(a.key[:]) })
	m := hmac.New(sha256.New, a.key[:])
	m.Write([]byte(peer))
	m.Write(head)
	return m.Sum(nil)[:nonceSize-nonceHead]
}
