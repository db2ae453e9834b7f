package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxLinkTTL is how long a viewer's link may be good.
const MaxLinkTTL = 24 * time.Hour

// linkMark begins every link, so that other secrets are told apart.
const linkMark = "l1"

// link is what a viewer's link says: "l1.STREAM.PROTOCOLS.EXPIRES.MAC", where protocols are a set in hexadecimal, expires is in
// seconds of Unix time, and the MAC is HMAC-SHA-256 over what stands before it, under a key that lives as long as the process.
type link struct {
	stream  string
	over    uint64 // a bit for each protocol
	expires time.Time
}

// gap is why the link is not good for an object; 0 where it is.
func (l link) gap(o Object, now time.Time) Cause {
	switch {
	case !now.Before(l.expires):
		return CauseExpired
	case l.stream != o.Stream:
		return CauseStream
	case l.over>>o.Over&1 == 0:
		return CauseProtocol
	}
	return 0
}

// NewLink makes a secret with which anybody who has it may pull a stream for a while, at most [MaxLinkTTL]. It is good until the
// process ends, and shows the neutral view.
func (r *Registry) NewLink(stream string, over []Protocol, ttl time.Duration) (secret Secret, expires time.Time, err error) {
	switch {
	case ttl <= 0 || ttl > MaxLinkTTL:
		return Secret{}, time.Time{}, fmt.Errorf("a link is good for up to %v, not for %v", MaxLinkTTL, ttl)
	case len(over) == 0:
		return Secret{}, time.Time{}, fmt.Errorf("a link needs a protocol")
	}
	var set uint64
	for _, p := range over {
		set |= 1 << p
	}
	expires = time.Now().Add(ttl).Truncate(time.Second)
	text := strings.Join([]string{linkMark, stream, strconv.FormatUint(set, 16), strconv.FormatInt(expires.Unix(), 10)}, ".")
	return NewSecret(text + "." + r.mac(text)), expires, nil
}

// openLink reads a link; false where it is none of ours.
func (r *Registry) openLink(secret string) (link, bool) {
	at := strings.LastIndexByte(secret, '.')
	parts := strings.Split(secret, ".")
	if len(parts) != 5 || parts[0] != linkMark || !hmac.Equal([]byte(secret[at+1:]), []byte(r.mac(secret[:at]))) {
		return link{}, false
	}
	set, err := strconv.ParseUint(parts[2], 16, int(protocols)+1)
	seconds, err2 := strconv.ParseInt(parts[3], 10, 64)
	if slices.ContainsFunc([]error{err, err2}, func(err error) bool { return err != nil }) {
		return link{}, false
	}
	return link{stream: parts[1], over: set, expires: time.Unix(seconds, 0)}, true
}

// mac signs a text under the process's own key.
func (r *Registry) mac(text string) string {
	r.once.Do(func() { _, _ = rand.Read(r.linkKey[:]) }) // which never fails (crypto/rand)
	m := hmac.New(sha256.New, r.linkKey[:])
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
