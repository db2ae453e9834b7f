package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/overlay"
)

// registerFeeds puts the contracts and the viewers' links onto the API.
func (s *Server) registerFeeds(api huma.API) {
	huma.Register(api, operation("partners-list", http.MethodGet, "/v1/partners", "Who may pull feeds, and how", access.Read), s.listPartners)
	links := operation("links-make", http.MethodPost, "/v1/streams/{stream}/links", "Addresses with which anybody may watch for a while", access.Change,
		http.StatusNotFound, http.StatusUnprocessableEntity)
	links.DefaultStatus = http.StatusCreated
	links.Description = "They are good until they expire or simulcart restarts, whichever comes first. They show product overlays in the neutral view."
	huma.Register(api, links, s.makeLinks)
}

// PartnerList is the body of GET /v1/partners.
type PartnerList struct {
	Partners []control.PartnerStatus `json:"partners"`
}

func (s *Server) listPartners(context.Context, *struct{}) (*body[PartnerList], error) {
	return &body[PartnerList]{PartnerList{orEmpty(s.Source.Partners())}}, nil
}

// linksRequest asks for links.
type linksRequest struct {
	OnStream
	request *http.Request
	Body    LinksBody
}

// Resolve learns the name by which the server was asked; huma calls it.
func (l *linksRequest) Resolve(ctx huma.Context) []error {
	l.request, _ = humago.Unwrap(ctx)
	return nil
}

// LinksBody says for what a link is.
type LinksBody struct {
	Protocols []string `json:"protocols" minItems:"1" enum:"rtmp,rtsp,hls,whep"`
	TTL       string   `json:"ttl" doc:"how long it is good, up to 24h" example:"2h"`
}

// LinksAnswer has an address for each protocol.
type LinksAnswer struct {
	Links   map[string]string `json:"links" doc:"by protocol; each holds a secret"`
	Watch   string            `json:"watch,omitempty" doc:"the page that plays the stream in a browser, with the same secret; where hls or whep is among the protocols"`
	Expires time.Time         `json:"expires"`
}

func (s *Server) makeLinks(_ context.Context, in *linksRequest) (*body[LinksAnswer], error) {
	if _, ok := s.Source.Stream(in.Stream); !ok {
		return nil, errNoStream()
	}
	invalid := func(field, fault, rule string) error {
		return s.refusal(in.Stream, overlay.Faults{{Field: field, Fault: fault, Rule: rule}})
	}
	ttl, err := time.ParseDuration(in.Body.TTL)
	if err != nil || ttl < time.Second || ttl > access.MaxLinkTTL {
		return nil, invalid("ttl", "is "+in.Body.TTL, "must be a time with its unit from 1s to 24h, such as 2h")
	}
	var over []access.Protocol
	for _, word := range in.Body.Protocols {
		p, err := access.ParseProtocol(word)
		if err != nil || s.FeedURL == nil || s.FeedURL(p, in.request.Host, in.Stream, "") == "" {
			return nil, invalid("protocols", "has "+word, "must be protocols that this server serves")
		}
		over = append(over, p)
	}
	secret, expires, err := s.Access.NewLink(in.Stream, over, ttl)
	if err != nil {
		return nil, invalid("protocols", "cannot be linked", err.Error())
	}
	answer := LinksAnswer{Links: make(map[string]string, len(over)), Expires: expires.UTC()}
	for _, p := range over {
		address := s.FeedURL(p, in.request.Host, in.Stream, secret.Reveal())
		answer.Links[p.String()] = address
		if p == access.HLS || p == access.WHEP {
			answer.Watch = watchURL(address, in.Stream)
		}
	}
	return &body[LinksAnswer]{answer}, nil
}

// watchURL gives the page that plays what is served at an address over HTTP, with the same secret: both are answered by one listener.
func watchURL(address, stream string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.Path = "/watch/" + stream
	return u.String()
}
