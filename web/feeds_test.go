package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/overlay"
)

func TestPartners(t *testing.T) {
	s := newShop(t)
	expires := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	controller, ok := s.server.Source.(*control.Controller)
	if !ok {
		t.Fatal("the shop has another source")
	}
	err := controller.Apply(t.Context(), control.Desired{
		Streams: map[string]control.Stream{"maria": {Key: access.DigestOf("key")}},
		Tokens:  []access.Token{{Name: "ops", Digest: access.DigestOf(adminToken), Role: access.Admin}, {Name: "maria", Digest: access.DigestOf(creatorToken), Role: access.Creator, Stream: "maria"}},
		Partners: map[string]control.Partner{"tsl": {
			Contract: access.Contract{
				Partner: "tsl", Digest: access.DigestOf("tsl-secret"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP}, MaxConnections: 3, Expires: expires,
			},
			View: overlay.View{Currency: "USD"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := s.server.Access
	pass, err := registry.Open(registry.IdentifyViewer("tsl-secret"), access.Object{Stream: "maria", Over: access.RTMP})
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Close()
	want := `{"partners":[{"name":"tsl","streams":["maria"],"protocols":["rtmp"],"max_connections":3,"connections":1,"expires":"2999-01-01T00:00:00Z","expired":false,"refused":{"expired":0,"full":0,"protocol":0,"stream":0},"currency":"USD"}]}`
	if code, got := s.ask("GET", "/v1/partners", ""); code != 403 { // it concerns more than her own stream
		t.Errorf("a creator: got %d %s", code, got)
	}
	if got := s.must("GET", "/v1/partners", "", "Authorization", "Bearer "+adminToken); got != want+"\n" && got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestLinks(t *testing.T) {
	s := newShop(t)
	s.server.FeedURL = func(over access.Protocol, host, stream, secret string) string {
		switch over {
		case access.RTMP:
			return "rtmp://" + host + "/live/" + stream + "?token=" + secret
		case access.WHEP:
			return "http://" + host + ":8080/whep/" + stream + "?token=" + secret
		}
		return ""
	}
	const path = "/v1/streams/maria/links"
	var got LinksAnswer
	body := s.must("POST", path, `{"protocols":["rtmp"],"ttl":"2h"}`)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	address, secret, _ := strings.Cut(got.Links["rtmp"], "?token=")
	if left := time.Until(got.Expires); address != "rtmp://example.com/live/maria" || left < 119*time.Minute || left > 2*time.Hour {
		t.Errorf("got %s", body)
	}
	if got.Watch != "" {
		t.Errorf("no browser plays RTMP: got %s", got.Watch)
	}
	registry := s.server.Access
	if err := registry.Authorize(registry.IdentifyViewer(secret), access.Play, access.Object{Stream: "maria", Over: access.RTMP}); err != nil {
		t.Errorf("the link: %v", err)
	}
	both := LinksAnswer{}
	if err := json.Unmarshal([]byte(s.must("POST", path, `{"protocols":["rtmp","whep"],"ttl":"2h"}`)), &both); err != nil {
		t.Fatal(err)
	}
	if page := strings.Replace(both.Links["whep"], "/whep/", "/watch/", 1); both.Watch != page || !strings.HasPrefix(page, "http://example.com:8080/watch/maria?token=l1.") {
		t.Errorf("the page is %s, want %s", both.Watch, page)
	}
	for _, c := range []struct {
		name, path, body, token string
		code                    int
	}{
		{"a day and more", path, `{"protocols":["rtmp"],"ttl":"25h"}`, creatorToken, 422},
		{"no time", path, `{"protocols":["rtmp"],"ttl":"0s"}`, creatorToken, 422},
		{"no unit", path, `{"protocols":["rtmp"],"ttl":"60"}`, creatorToken, 422},
		{"a protocol that is not served", path, `{"protocols":["hls"],"ttl":"1h"}`, creatorToken, 422},
		{"no protocol of ours", path, `{"protocols":["srt"],"ttl":"1h"}`, creatorToken, 422},
		{"none", path, `{"protocols":[],"ttl":"1h"}`, creatorToken, 422},
		{"another's stream", "/v1/streams/ana/links", `{"protocols":["rtmp"],"ttl":"1h"}`, creatorToken, 403},
		{"no stream", "/v1/streams/nobody/links", `{"protocols":["rtmp"],"ttl":"1h"}`, adminToken, 404},
		{"a reader", path, `{"protocols":["rtmp"],"ttl":"1h"}`, readerToken, 403},
	} {
		if code, body := s.ask("POST", c.path, c.body, "Authorization", "Bearer "+c.token); code != c.code {
			t.Errorf("%s: got %d %s, want %d", c.name, code, body, c.code)
		}
	}
}

// The reference of the API tells what the members of a stream's hls, webrtc and bridges are.
func TestOpenAPITellsOfMembers(t *testing.T) {
	s := newShop(t)
	var api struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Ref   string `json:"$ref"`
					Items struct {
						Ref string `json:"$ref"`
					}
					Description string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/openapi.json", "")), &api); err != nil {
		t.Fatal(err)
	}
	stream := api.Components.Schemas["StreamStatus"].Properties
	for name, ref := range map[string]string{"PackagedStatus": stream["hls"].Ref, "PeersStatus": stream["webrtc"].Ref, "BridgeStatus": stream["bridges"].Items.Ref} {
		if ref != "#/components/schemas/"+name {
			t.Errorf("a stream has %q, want %s", ref, name)
		}
	}
	for _, name := range []string{"PackagedStatus", "PeersStatus", "PublishersStatus", "ViewersStatus", "BridgeStatus"} {
		members := api.Components.Schemas[name].Properties
		if len(members) == 0 {
			t.Errorf("%s has no members", name)
		}
		for member, what := range members {
			if what.Description == "" {
				t.Errorf("%s.%s is not described", name, member)
			}
		}
	}
}
