package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page is part of the program
	"encoding/base64"
	"net/http"
)

// pageHTML is the status page: one file with its script and its style inside, so that it needs nothing else.
//
//go:embed page.html
var pageHTML []byte

// docsHTML is the reference of the API: it reads openapi.json, and nothing from elsewhere.
//
//go:embed docs.html
var docsHTML []byte

// page serves an HTML file under a policy that runs only the file's own script and style, known by their hashes
// (Content Security Policy Level 3 §2.3.1), and talks only to this server.
func page(html []byte) http.Handler {
	policy := "default-src 'none'; script-src " + inlineHash(html, "script") + "; style-src " + inlineHash(html, "style") +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(contentType, "text/html; charset=utf-8")
		w.Header().Set(policyHeader, policy)
		// A client that is gone is no fault of ours.
		_, _ = w.Write(html)
	})
}

// inlineHash gives the CSP source of the first element of that name in an HTML file: the hash of the bytes between its tags.
// A page without the element gets 'none'.
func inlineHash(html []byte, element string) string {
	_, rest, found := bytes.Cut(html, []byte("<"+element+">"))
	content, _, closed := bytes.Cut(rest, []byte("</"+element+">"))
	if !found || !closed {
		return "'none'"
	}
	sum := sha256.Sum256(content)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
