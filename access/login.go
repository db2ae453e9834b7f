package access

import (
	"crypto/md5"
	"crypto/sha256"
)

// Realm is what clients of RTSP are told; it is fixed, since what is kept of a token depends on it.
const Realm = "simulcart"

// Login is what Digest authentication needs of a token: HA1 of RFC 7616 §3.4.2, the digest of "user:realm:token", for either
// algorithm. MD5 is there since FFmpeg knows no other.
type Login struct {
	MD5    [md5.Size]byte
	SHA256 [sha256.Size]byte
}

// LoginOf gives what is kept of a token with which user logs in.
func LoginOf(user, token string) Login {
	text := []byte(user + ":" + Realm + ":" + token)
	return Login{md5.Sum(text), sha256.Sum256(text)}
}

// IdentifyLogin finds who user is, where verify says that the client knows the token of that partner. verify is called for
// unknown users too, with a login that no token fits, so that time does not tell who is known.
func (r *Registry) IdentifyLogin(user string, verify func(Login) bool) Principal {
	r.mu.RLock()
	c := r.contracts[user]
	r.mu.RUnlock()
	if c == nil {
		verify(Login{})
		return Principal{Unknown: true}
	}
	if !verify(c.Login) {
		return Principal{Unknown: true}
	}
	return Principal{Partner: c.Partner, token: c.Digest}
}
