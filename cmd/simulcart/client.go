package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// server is where the commands that use the API send their requests.
type server struct {
	Server    string `env:"SIMULCART_SERVER" default:"http://127.0.0.1:8080" help:"The API's address."`
	Token     string `env:"SIMULCART_TOKEN" help:"The token, as configured below tokens."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"The file that has the token."`
	CA        string `name:"ca" type:"existingfile" placeholder:"FILE" help:"PEM certificates to trust for https, instead of the system's."`
	Stream    string `env:"SIMULCART_STREAM" placeholder:"ID" help:"The stream; needed where the server has more than one."`
	JSON      bool   `name:"json" help:"Print the answer as it comes."`
}

// Limits of requests.
const (
	requestTime = 15 * time.Second
	attempts    = 3 // of requests that can be sent again
	retryAfter  = 300 * time.Millisecond
	maxAnswer   = 64 << 20
)

// problem is an answer that says what is wrong (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Faults []struct {
		Field, Fault, Rule string
	} `json:"faults"`
}

// Error gives the detail, and each fault in a line.
func (p *problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", strings.TrimSuffix(p.Detail, "."), p.Code)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  %s %s", f.Field, f.Fault)
		if f.Rule != "" {
			b.WriteString(": " + f.Rule)
		}
	}
	return b.String()
}

// do sends a request and gives the answer's body. It is sent again when the network fails or the server asks to wait: a change
// carries a key by which the server knows it again.
func (s *server) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	key := rand.Text()
	for i := 1; ; i++ {
		answer, again, err := s.once(ctx, client, method, path, key, body)
		if err == nil || !again || i == attempts {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryAfter << i):
		}
	}
}

// client gives an HTTP client that trusts what it should.
func (s *server) client() (*http.Client, error) {
	roots, err := trusted(s.CA)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	// A redirected change would become a GET without a body, whose answer looks like success.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Timeout: requestTime, Transport: transport, CheckRedirect: stay}, nil
}

// trusted reads the certificates of --ca; nil, which means the system's, where there is no file.
func trusted(ca string) (*x509.CertPool, error) {
	if ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read --ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("--ca: no certificate in the file")
	}
	return roots, nil
}

// once sends a request; again says that it may be sent again.
func (s *server) once(ctx context.Context, client *http.Client, method, path, key string, body []byte) (answer []byte, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, false, fmt.Errorf("--server: %w", err)
	}
	token, err := s.token()
	if err != nil {
		return nil, false, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Idempotency-Key", key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	var distrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &distrusted):
		return nil, false, fmt.Errorf("ask %s: %w: --ca names other certificates to trust", s.Server, err)
	case err != nil:
		return nil, true, fmt.Errorf("ask %s: %w: does simulcart run there? --server or SIMULCART_SERVER says where", s.Server, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, true, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode < 300 {
		return answer, false, nil
	}
	if to, err := resp.Location(); err == nil {
		return nil, false, fmt.Errorf("%s %s: HTTP %s: it is at %s://%s: write that to --server or SIMULCART_SERVER", method, path, resp.Status, to.Scheme, to.Host)
	}
	p := &problem{}
	if json.Unmarshal(answer, p) != nil || p.Detail == "" {
		return nil, false, fmt.Errorf("%s %s: HTTP %s, which is no answer of simulcart", method, path, resp.Status)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, false, fmt.Errorf("%w: --token, --token-file or SIMULCART_TOKEN says it", p)
	}
	return nil, resp.StatusCode == http.StatusTooManyRequests, p
}

// token gives the token, from the flag or its file.
func (s *server) token() (string, error) {
	if s.TokenFile == "" {
		return s.Token, nil
	}
	b, err := os.ReadFile(s.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// stream gives the path of the stream that is meant: the one that is named, or the only one.
func (s *server) stream(ctx context.Context) (string, error) {
	if s.Stream != "" {
		return "/v1/streams/" + url.PathEscape(s.Stream), nil
	}
	answer, err := s.do(ctx, http.MethodGet, "/v1/streams", nil)
	var p *problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusForbidden:
		return "", fmt.Errorf("find the stream: %w: a token of one stream needs --stream or SIMULCART_STREAM", err)
	case err != nil:
		return "", err
	}
	var list struct{ Streams []struct{ ID string } }
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", fmt.Errorf("read the list of streams: %w", err)
	}
	switch len(list.Streams) {
	case 0:
		return "", errors.New("the server has no stream: its configuration names them below streams")
	case 1:
	default:
		names := make([]string, 0, len(list.Streams))
		for _, one := range list.Streams {
			names = append(names, one.ID)
		}
		return "", fmt.Errorf("the server has %d streams (%s): say which with --stream", len(names), strings.Join(names, ", "))
	}
	return "/v1/streams/" + url.PathEscape(list.Streams[0].ID), nil
}

// ask sends a request about the stream and reads the answer into v; with --json it prints it and leaves v alone, which printed
// says.
func (s *server) ask(ctx context.Context, out io.Writer, method, path string, body []byte, v any) (printed bool, err error) {
	at, err := s.stream(ctx)
	if err != nil {
		return false, err
	}
	return s.askAt(ctx, out, method, at+path, body, v)
}

func (s *server) askAt(ctx context.Context, out io.Writer, method, path string, body []byte, v any) (printed bool, err error) {
	answer, err := s.do(ctx, method, path, body)
	if err != nil {
		return false, err
	}
	if s.JSON && len(answer) > 0 {
		_, err := fmt.Fprintln(out, strings.TrimSpace(string(answer)))
		return true, err
	}
	if len(answer) == 0 || v == nil { // some changes have nothing to say
		return false, nil
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return false, nil
}
