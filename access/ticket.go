package access

import (
	"crypto/hmac"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// ticketMark begins every ticket.
const ticketMark = "t1"

// The kinds of who holds a ticket, other than partners, who stand there by name behind partnerHolder.
const (
	partnerHolder = "p-"
	keyHolder     = "key"
	linkHolder    = "link"
	anyHolder     = "any"
)

// ticketLife is how long a ticket is good where nothing that it stands for ends before.
const ticketLife = 24 * time.Hour

// NewTicket gives a text that stands in URLs in place of a secret: "t1.HOLDER.VIEW.EXPIRES.MAC", the same for all who come with the
// same right and see the same view within an hour, so that HTTP caches can share what is behind it. It says who the holder is, never
// her secret, and is good while that secret is; it ends 24 h from now, or when the contract does, rounded up to the hour, or to the
// second when the link does. A contract that is revoked or has expired ends its tickets at once.
//
// view is 1 to 64 of [A-Za-z0-9_-]. The caller has asked whether p may have o.
func (r *Registry) NewTicket(p Principal, o Object, view string) string {
	r.mu.RLock()
	c := r.contracts[p.Partner]
	r.mu.RUnlock()
	now := time.Now()
	expires := now.Add(ticketLife)
	holder := anyHolder
	switch {
	case p.Partner != "" && c != nil:
		holder = partnerHolder + p.Partner
		if !c.Expires.IsZero() && c.Expires.Before(expires) {
			expires = c.Expires
		}
	case p.link.stream != "":
		holder = linkHolder
		expires = p.link.expires
	case p.Stream != "":
		holder = keyHolder
	}
	if full := expires.Truncate(time.Hour); full.Before(expires) && holder != linkHolder {
		expires = full.Add(time.Hour)
	}
	text := strings.Join([]string{ticketMark, holder, view, strconv.FormatInt(expires.Unix(), 10)}, ".")
	return text + "." + r.ticketMAC(text, o, p.token)
}

// OpenTicket reads a ticket for an object: who holds it, and her view. It is false for what is none of ours, for another object, and where the
// secret that it stood for has been changed. Whether the holder still may is asked by [Registry.Open].
func (r *Registry) OpenTicket(ticket string, o Object) (who Principal, view string, ok bool) {
	at := strings.LastIndexByte(ticket, '.')
	parts := strings.Split(ticket, ".")
	if len(parts) != 5 || parts[0] != ticketMark {
		return Principal{}, "", false
	}
	seconds, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return Principal{}, "", false
	}
	until := time.Unix(seconds, 0)
	holder := parts[1]
	r.mu.RLock()
	if partner, is := strings.CutPrefix(holder, partnerHolder); is {
		if c := r.contracts[partner]; c != nil {
			who = Principal{Partner: partner, token: c.Digest, until: until}
		}
	} else if holder == keyHolder {
		who = Principal{Stream: o.Stream, token: r.grants[o.Stream].Key, until: until}
	}
	r.mu.RUnlock()
	switch holder {
	case linkHolder:
		who.link = link{stream: o.Stream, over: 1 << o.Over, expires: until}
	case anyHolder:
		who.until = until
	}
	if !hmac.Equal([]byte(ticket[at+1:]), []byte(r.ticketMAC(ticket[:at], o, who.token))) {
		return Principal{}, "", false
	}
	return who, parts[2], true
}

// ticketMAC signs a ticket together with what it does not say: what it is for, and the secret that it stands for.
func (r *Registry) ticketMAC(text string, o Object, token Digest) string {
	return r.mac(strings.Join([]string{"ticket", o.Stream, o.Over.String(), hex.EncodeToString(token[:]), text}, " "))
}
