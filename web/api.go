package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/simulcart/simulcart/access"
)

// How a request to the API is answered:
//
//  1. the mux finds its operation; what has none gets a problem document with the methods that there are;
//  2. authorize looks who asks, and whether the role is good for the operation's action on its stream;
//  3. huma reads and checks path, query and body by the Go types, from which the OpenAPI document is made too;
//  4. the operation answers; its errors are problem documents.

// Limits of bodies, in bytes.
const (
	maxRequest = 64 << 10 // a change, a product
	maxImport  = 8 << 20  // a file of products
)

// bearer names the one security scheme.
const bearer = "token"

// actionOf is where an operation keeps what it does, for authorize.
const actionOf = "action"

// register puts all operations onto the mux, and gives the API with its description.
func (s *Server) register(mux *http.ServeMux) huma.API {
	jsonOnly := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: json.Unmarshal,
	}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	api := humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "simulcart", Version: s.version(),
				Description: "Streams, their destinations, and the products shown over them. Errors are problem documents (RFC 9457) with a code of a closed set.",
			},
			Components: &huma.Components{
				Schemas:         registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", Description: "a token of the configuration: tokens"}},
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       map[string]huma.Format{jsonType: jsonOnly, "json": jsonOnly},
		DefaultFormat: jsonType,
		Transformers:  []huma.Transformer{asProblem, encoded},
	})
	api.UseMiddleware(s.authorize)
	s.registerStreams(api)
	s.registerProducts(api)
	s.registerCues(api)
	s.registerFeeds(api)
	return api
}

// operation describes an operation. Its errors are told as codes, once for all.
func operation(id, method, path, summary string, action access.Action, errors ...int) huma.Operation {
	tag, _, _ := strings.Cut(id, "-")
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		Security: []map[string][]string{{bearer: {}}}, Metadata: map[string]any{actionOf: action},
		MaxBodyBytes: maxRequest, BodyReadTimeout: bodyTime,
		Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden}, errors...),
	}
}

// asProblem turns what huma itself says is wrong into a problem document of ours.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := Internal
	switch e.Status {
	case http.StatusBadRequest:
		code = BadRequest
	case http.StatusRequestEntityTooLarge:
		code = BodyTooLarge
	case http.StatusUnsupportedMediaType:
		code = UnsupportedMedia
	case http.StatusNotAcceptable:
		code = NotAcceptable
	case http.StatusUnprocessableEntity:
		code = Invalid
	case http.StatusRequestTimeout:
		code = BadRequest
	}
	p := newProblem(code, "The request cannot be taken: "+e.Detail+".")
	p.Status, p.Title = e.Status, http.StatusText(e.Status)
	for _, d := range e.Errors {
		p.Faults = append(p.Faults, Fault{Field: strings.TrimPrefix(d.Location, "body."), Fault: d.Message})
	}
	return p, nil
}

// encoded makes the JSON before anything is answered: a value that JSON cannot say (a NaN, say) is a fault of ours, and the
// client is told so; see [Server.mended].
func encoded(_ huma.Context, _ string, v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("web: an answer that JSON cannot say: %v", err))
	}
	return json.RawMessage(data), nil
}

// mended answers what an operation could not, since it broke off before its first byte.
func (s *Server) mended(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if broken := recover(); broken != nil {
				s.logger().Error("answer a request", "path", r.URL.Path, "err", fmt.Sprint(broken))
				writeProblem(w, Internal, "The request could not be answered. The log says why.")
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// authorize lets a request through to its operation, or answers with what is missing.
func (s *Server) authorize(ctx huma.Context, next func(huma.Context)) {
	action, _ := ctx.Operation().Metadata[actionOf].(access.Action)
	r, w := humago.Unwrap(ctx)
	p := s.refuse(r, action, ctx.Param("stream"))
	if ctx.Operation().OperationID == retryOperation {
		p = s.refuseRetry(r, ctx.Param("stream"))
	}
	if p != nil {
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="simulcart"`)
		}
		p.write(w)
		return
	}
	next(huma.WithValue(ctx, serverKey{}, s))
}

// refuse says why who sent r may not do something with a stream; nil where they may. Without tokens, reads are answered on this
// machine, and nothing can be changed.
func (s *Server) refuse(r *http.Request, a access.Action, stream string) *Problem {
	if s.Access == nil || !s.Access.HasTokens() {
		switch {
		case a != access.Read:
			return newProblem(NoTokens, "Changes need a token, and the configuration has none: add tokens: [{name: ops, token: …, role: admin}].")
		case !isLocal(r):
			return newProblem(LocalOnly, "Without tokens in the configuration the API answers only on the machine on which simulcart runs, at http://localhost.")
		}
		return nil
	}
	who := s.principal(r)
	switch {
	case who.Role == access.NoRole:
		return newProblem(Unauthorized, "This needs a token of the configuration, in the header Authorization: Bearer TOKEN.")
	case s.Access.Authorize(who, a, access.Object{Stream: stream}) != nil:
		return newProblem(Forbidden, "The token is not good for this: its role is "+who.Role.String()+".")
	}
	return nil
}

// principal finds who sent r.
func (s *Server) principal(r *http.Request) access.Principal {
	if s.Access == nil {
		return access.Principal{}
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return access.Principal{}
	}
	return s.Access.IdentifyToken(token)
}
