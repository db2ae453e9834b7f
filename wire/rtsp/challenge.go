package rtsp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// challenge is what a server wants to be shown, on the client's side.
type challenge struct {
	scheme Scheme
	digest digest
	uses   uint32 // of the nonce
}

// bestChallenge takes the strongest of those that we know: Digest with SHA-256, with MD5, then Basic; nil where there is none.
func bestChallenge(values []string) (best *challenge) {
	strength := 0
	for _, value := range values {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
		var c challenge
		rank := 0
		switch {
		case strings.EqualFold(scheme, "Basic"):
			c.scheme, rank = Basic, 1
		case strings.EqualFold(scheme, "Digest"):
			d, err := parseDigest(rest)
			if err != nil || d.nonce == "" {
				continue
			}
			c.scheme, c.digest, rank = Digest, d, 2
			if d.algorithm == algorithmSHA256 {
				rank = 3
			}
		}
		if rank > strength {
			best, strength = &c, rank
		}
	}
	return best
}

// answer gives the value of Authorization for a request.
func (c *challenge) answer(u URL, r *Request) string {
	if c.scheme == Basic {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User+":"+u.Password))
	}
	d := c.digest
	d.user, d.uri = u.User, r.URL
	if offers(d.qop, "auth") {
		c.uses++
		var b [8]byte
		_, _ = rand.Read(b[:]) // which never fails (crypto/rand)
		d.qop, d.nc, d.cnonce = "auth", fmt.Sprintf("%08x", c.uses), hex.EncodeToString(b[:])
	} else {
		d.qop = ""
	}
	d.answer, _ = d.response(d.hash(u.User+":"+d.realm+":"+u.Password), r.Method)
	return d.String()
}

// offers says whether a word is in a list with commas.
func offers(list, word string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), word) {
			return true
		}
	}
	return false
}
