package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// built are the pages that have a build of their own (pages/), as vite wrote them: HTML files, and below assets/ what they
// load, with a hash of its content in each name.
//
//go:embed pages/dist
var built embed.FS

// watchPolicy lets the page run and load what is served here alone. Products' images come from the shops, and hls.js hands
// its media to the browser as a blob. No script makes HTML or scripts out of text (Trusted Types §4).
const watchPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; img-src https: data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// publishPolicy lets the page run and load what is served here alone. Its pictures are the browser's own.
const publishPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// What pages may have of the machine (Permissions Policy §4.8): only the one that publishes has a use for it.
const (
	noDevices  = "camera=(), microphone=(), display-capture=()"
	ownDevices = "camera=(self), microphone=(self), display-capture=(self)"
)

// immutable is for files whose name changes with their content (RFC 8246 §2).
const immutable = "public, max-age=31536000, immutable"

// asset is a file that a page loads.
type asset struct {
	kind   string // its media type
	plain  []byte
	zipped []byte // by gzip; nil where that is not smaller
}

// assets gives all assets, by name. They are packed once, at the first request.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	err := fs.WalkDir(built, "pages/dist/assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := built.ReadFile(name)
		if err != nil {
			return err
		}
		kind := map[string]string{".js": "text/javascript", ".css": "text/css"}[path.Ext(name)]
		all[path.Base(name)] = asset{kind + "; charset=utf-8", plain, zipped(plain)}
		return nil
	})
	if err != nil {
		panic("web: the built pages cannot be read: " + err.Error()) // they are part of the program
	}
	return all
})

// zipped packs data; nil where that makes it no smaller.
func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	if b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// serveAsset answers with a file that a page loads.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, found := assets()[r.PathValue("file")]
	if !found {
		writeProblem(w, NotFound, "There is no such file. A page that was loaded before an update asks for old ones: load it again.")
		return
	}
	body := a.plain
	head := w.Header()
	if a.zipped != nil && takesGzip(r) {
		body = a.zipped
		head.Set("Content-Encoding", "gzip")
	}
	head.Set("Vary", "Accept-Encoding")
	head.Set("Cache-Control", immutable)
	head.Set(contentType, a.kind)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone is no fault of ours
}

// takesGzip says whether the client reads gzip (RFC 9110 §12.5.3), as browsers say it.
func takesGzip(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(strings.ReplaceAll(list, " ", ""), ",") {
			if name, weight, _ := strings.Cut(coding, ";"); strings.EqualFold(name, "gzip") {
				return weight == "" || strings.Trim(weight, "q=.0") != ""
			}
		}
	}
	return false
}

// serveWatch answers with the page that plays a stream. The page itself says whether the stream is there, and whether this
// viewer may watch it.
func serveWatch(w http.ResponseWriter, r *http.Request) { servePage(w, r, "watch.html", watchPolicy) }

// servePublish answers with the page that publishes to a stream from a browser. It asks for the stream key, which never comes here
// but in the header of WHIP.
func servePublish(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(devicesHeader, ownDevices)
	servePage(w, r, "publish.html", publishPolicy)
}

// servePage answers with a page about the stream that the address names.
func servePage(w http.ResponseWriter, r *http.Request, name, policy string) {
	if !isStreamID(r.PathValue("stream")) {
		writeProblem(w, NotFound, "No stream can have this name: a name is 1 to 64 of A-Z a-z 0-9 _ -.")
		return
	}
	html, err := built.ReadFile("pages/dist/" + name)
	if err != nil {
		panic("web: the built pages have no " + name + ": " + err.Error())
	}
	w.Header().Set(contentType, "text/html; charset=utf-8")
	w.Header().Set(policyHeader, policy)
	_, _ = w.Write(html)
}

// isStreamID says whether a stream can have this id, [A-Za-z0-9_-]{1,64}.
func isStreamID(s string) bool {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return s != "" && len(s) <= 64 && strings.Trim(s, chars) == ""
}
