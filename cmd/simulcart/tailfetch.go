package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/simulcart/simulcart/wire/m3u8"
)

// Bounds on what a server of HLS gives.
const (
	mostInit   = 1 << 20   // bytes of an initialization
	mostMedia  = 128 << 20 // bytes of a segment: 10 s of 100 Mbit/s
	mostWords  = 300       // bytes that are shown of what a server says
	fetchTime  = time.Minute
	mostToWait = time.Minute // of what Retry-After asks for, at once
)

// fetcher fetches what an HLS stream consists of.
type fetcher struct {
	client *http.Client
	home   *url.URL  // whose server is shown the token
	token  string    // none where it is empty
	stderr io.Writer // for what is no error yet
	told   bool      // that the server wants to be asked later
}

func newFetcher(ctx context.Context, home *url.URL, token, ca string, stderr io.Writer) (*fetcher, error) {
	roots, err := trusted(ca)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
	context.AfterFunc(ctx, transport.CloseIdleConnections)
	return &fetcher{client: &http.Client{Transport: transport}, home: home, token: token, stderr: stderr}, nil
}

// get gives what is at an address, of at most that many bytes, and where it was found after redirections. Where the server
// says when to ask again, it is asked again.
func (f *fetcher) get(ctx context.Context, at *url.URL, part m3u8.ByteRange, most int64) (body []byte, from *url.URL, err error) {
	for {
		body, from, err = f.once(ctx, at, part, most)
		var later *laterError
		if !errors.As(err, &later) {
			f.told = f.told && err != nil
			return body, from, err
		}
		if !f.told {
			f.told = true
			fmt.Fprintln(f.stderr, "simulcart: waiting:", later)
		}
		if err := sleep(ctx, later.after); err != nil {
			return nil, nil, err
		}
	}
}

// laterError is an answer that asks to come again.
type laterError struct {
	after time.Duration
	words string
}

// Error gives the server's words.
func (e *laterError) Error() string { return e.words }

func (f *fetcher) once(ctx context.Context, at *url.URL, part m3u8.ByteRange, most int64) (body []byte, from *url.URL, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, errors.New("its address is none")
	}
	if part.Length > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", part.Start, part.Start+part.Length-1))
	}
	if f.token != "" && at.Scheme == f.home.Scheme && at.Host == f.home.Host {
		r.Header.Set("Authorization", "Bearer "+f.token)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		if trouble := (*url.Error)(nil); errors.As(err, &trouble) {
			err = trouble.Err // without the address, which may hold a token
		}
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPartialContent {
		return nil, nil, refusal(answer)
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(body)) > most:
		return nil, nil, fmt.Errorf("it has more than %d bytes", most)
	case part.Length > 0 && answer.StatusCode == http.StatusOK: // the server knows no ranges
		if size := uint64(len(body)); part.Start > size || part.Length > size-part.Start {
			return nil, nil, fmt.Errorf("it has %d bytes, and ends before byte %d", size, part.Start+part.Length)
		}
		body = body[part.Start : part.Start+part.Length]
	}
	return body, answer.Request.URL, nil
}

// refusal tells what an answer that is none means: the server's own words, or what is likely.
func refusal(answer *http.Response) error {
	words := "HTTP " + strconv.Itoa(answer.StatusCode) + " " + http.StatusText(answer.StatusCode)
	likely := map[int]string{
		http.StatusUnauthorized: "write ?token=TOKEN, or --token", http.StatusForbidden: "may you play it?", http.StatusNotFound: "is the stream live?",
	}[answer.StatusCode]
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, mostWords)) // what came of it is enough
		likely = strings.TrimRight(strings.Map(printable, string(text)), " .")
	}
	if likely != "" {
		words += ": " + likely
	}
	if after, ok := retryTime(answer.Header.Get("Retry-After")); ok && answer.StatusCode == http.StatusServiceUnavailable {
		return &laterError{after, words}
	}
	return errors.New(words)
}

// printable takes out what a terminal may take for a command.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// retryTime reads Retry-After (RFC 9110 §10.2.3), within bounds; false where there is none.
func retryTime(header string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(max(time.Duration(seconds)*time.Second, leastPause), mostToWait), true
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), leastPause), mostToWait), true
	}
	return 0, false
}
