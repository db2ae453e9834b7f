package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Partner is who pulls feeds, and under which contract.
type Partner struct {
	Token          Secret    // 22 to 128 characters, from token or token_file
	Streams        []string  // of this file; at least one
	Protocols      []string  // rtmp, rtsp, hls or whep; at least one
	MaxConnections int       // at once, over all streams and protocols, 1 to 10000; 0: no bound
	Expires        time.Time // the contract's end; zero: none
	View           *View     // of overlay states; nil: the neutral one
}

// The bounds of contracts.
const (
	maxPartners           = 1000
	maxPartnerConnections = 10_000
)

var feedProtocols = []string{"rtmp", "rtsp", "hls", "whep"}

func (r *reader) partners(v value, c *Config) {
	r.named(v, func(name string, v value) {
		if c.Partners == nil {
			c.Partners = make(map[string]Partner)
		}
		c.Partners[name] = r.partner(v)
	})
	if n := len(c.Partners); n > maxPartners {
		r.fault(v.place(), v.path, fmt.Sprintf("%d partners, more than %d", n, maxPartners), "")
	}
}

func (r *reader) partner(v value) Partner {
	var p Partner
	r.section(v, fields{
		"token":           r.secret(&p.Token, "the partner's token", checkToken),
		"token_file":      r.keyFile(&p.Token, checkToken),
		"streams":         r.nameList(&p.Streams),
		"protocols":       r.wordList(&p.Protocols, feedProtocols),
		"max_connections": r.number(&p.MaxConnections, 1, maxPartnerConnections),
		"expires":         r.date(&p.Expires),
		"view":            r.view(&p.View),
	})
	if r.faulty(v.path) {
		return p
	}
	r.bothTokens(v)
	r.noToken(v)
	for _, need := range []struct {
		key, hint string
		empty     bool
	}{
		{"streams", "name the streams that it may pull, as in [maria]", len(p.Streams) == 0},
		{"protocols", "name the ways in which it may pull them, of rtmp, rtsp, hls and whep", len(p.Protocols) == 0},
	} {
		if need.empty && !r.faulty(v.path+"."+need.key) {
			r.fault(r.first(v.path+"."+need.key, v.path), v.path, need.key+" is missing, or names nothing", need.hint)
		}
	}
	return p
}

// nameList reads a list of names, each once.
func (r *reader) nameList(dst *[]string) func(value) {
	return r.list(dst, func(v value) (string, bool) {
		s, ok := r.scalar(v, "a name")
		if ok && !isName(s.text) {
			r.fault(v.place(), v.path, s.String()+" is no name", "use 1 to 64 letters, digits, - and _")
			return "", false
		}
		return s.text, ok
	})
}

// wordList reads a list of words, each once.
func (r *reader) wordList(dst *[]string, words []string) func(value) {
	return r.list(dst, func(v value) (word string, ok bool) {
		r.word(&word, words)(v)
		return word, word != ""
	})
}

// list reads a list of texts, each once.
func (r *reader) list(dst *[]string, one func(v value) (string, bool)) func(value) {
	return func(v value) {
		for _, item := range r.items(v, "a list such as [one, other]", maxPartners) {
			text, ok := one(item)
			switch {
			case !ok:
			case slices.Contains(*dst, text):
				r.fault(item.place(), item.path, "named twice", "keep one of the two")
			default:
				*dst = append(*dst, text)
			}
		}
	}
}

// date reads a day, the end of which is meant, or a time.
func (r *reader) date(dst *time.Time) func(value) {
	const want = "a day such as 2027-12-31, whose end in UTC is meant, or a time such as 2027-12-31T18:00:00Z"
	return func(v value) {
		s, ok := r.scalar(v, want)
		if !ok {
			return
		}
		if day, err := time.Parse(time.DateOnly, s.text); err == nil {
			*dst = day.AddDate(0, 0, 1)
			return
		}
		at, err := time.Parse(time.RFC3339, s.text)
		if err != nil {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = at
	}
}

// partnersAsWhole checks what contracts say together, and with the rest of the file.
func (r *reader) partnersAsWhole(c *Config) {
	taken := make(map[string]string)
	for id, s := range c.Streams {
		taken[s.Key.Reveal()] = "the key of streams." + id
	}
	for i, t := range c.Tokens {
		taken[t.Token.Reveal()] = fmt.Sprintf("tokens.%d", i+1)
	}
	delete(taken, "")
	for _, name := range byLine(r, "partners", c.Partners) {
		p, path := c.Partners[name], "partners."+name
		at := r.first(path+".token", path+".token_file", path)
		if other, known := taken[p.Token.Reveal()]; known {
			r.fault(at, path+".token", "the same as "+other, tokenHint)
		} else if p.Token.Reveal() != "" {
			taken[p.Token.Reveal()] = path
		}
		for i, stream := range p.Streams {
			if _, known := c.Streams[stream]; known || r.faulty(fmt.Sprintf("%s.streams.%d", path, i+1)) {
				continue
			}
			hint := "write the id of a stream in this file"
			if near, ok := nearest(stream, slices.Sorted(maps.Keys(c.Streams))); ok {
				hint = "did you mean " + near + "?"
			}
			item := fmt.Sprintf("%s.streams.%d", path, i+1)
			r.fault(r.first(item, path+".streams"), item, "no stream of this file has that id", hint)
		}
		if !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
			r.warn(r.at[path+".expires"], path+".expires", "the contract has expired: the partner is not let in", "")
		}
		r.protocolsThatAreOff(c, p, path)
	}
}

// protocolsThatAreOff warns of those in a contract that no listener serves.
func (r *reader) protocolsThatAreOff(c *Config, p Partner, path string) {
	for i, word := range p.Protocols {
		var off string
		hint := "give one of them a listen line"
		switch {
		case word == "rtmp" && c.RTMP.Listen == "" && c.RTMPS.Listen == "":
			off = "rtmp and rtmps"
		case word == "rtsp" && c.RTSP.Listen == "" && c.RTSPS.Listen == "":
			off = "rtsp and rtsps"
		case word == "hls" && c.HTTP.Listen == "" && c.HTTPS.Listen == "":
			off = "http and https"
		case word == "whep" && c.Webrtc.UDP == "" && c.Webrtc.TCP == "":
			off, hint = "the ports of webrtc", "write webrtc: {}"
		default:
			continue
		}
		item := fmt.Sprintf("%s.protocols.%d", path, i+1)
		r.warn(r.first(item, path+".protocols"), item, off+" are off: nothing can be pulled over "+word, hint)
	}
}
