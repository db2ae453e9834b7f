package config

import (
	"net/url"
	"os"
	"slices"
	"time"
)

// The bounds of HLS.
const (
	leastSegment, mostSegment = time.Second, 10 * time.Second
	leastPart, mostPart       = 100 * time.Millisecond, time.Second
	leastWindow, mostWindow   = 10 * time.Second, 30 * time.Minute
)

func (r *reader) hls(v value, h *HLS) {
	r.section(v, fields{
		"segment":    r.span(&h.Segment, leastSegment, mostSegment),
		"part":       r.span(&h.Part, leastPart, mostPart),
		"window":     r.span(&h.Window, leastWindow, mostWindow),
		"folder":     r.folder(&h.Folder),
		"always":     r.flag(&h.Always),
		"audio_only": r.flag(&h.AudioOnly),
		"origins":    r.list(&h.Origins, r.origin),
	})
}

// span reads a duration that has a least value too.
func (r *reader) span(dst *time.Duration, least, most time.Duration) func(value) {
	return func(v value) {
		d := *dst
		r.duration(&d, most)(v)
		if !r.faulty(v.path) && d < least {
			r.fault(v.place(), v.path, d.String()+" is less than "+least.String(), "use "+least.String()+" to "+most.String())
			return
		}
		*dst = d
	}
}

// folder reads the path of a folder that is there.
func (r *reader) folder(dst *string) func(value) {
	return func(v value) {
		r.path(dst)(v)
		if *dst == "" || r.faulty(v.path) {
			return
		}
		if info, err := os.Stat(*dst); err != nil || !info.IsDir() {
			r.fault(v.place(), v.path, "no folder is there", "make it, or leave the line out for the system's temporary folder")
		}
	}
}

// origin reads where web pages come from (RFC 6454 §7).
func (r *reader) origin(v value) (string, bool) {
	s, ok := r.scalar(v, "an origin such as https://shop.example.com, or *")
	if !ok || s.text == "*" {
		return s.text, ok
	}
	u, err := url.Parse(s.text)
	if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" || s.text != u.Scheme+"://"+u.Host {
		r.fault(v.place(), v.path, s.String()+" is no origin", "write scheme and host alone, such as https://shop.example.com, or *")
		return "", false
	}
	return s.text, true
}
