//go:build linux

package accept_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The products of the proofs: texts of several scripts, and one that fills its 880 bytes on the wire.
var products = []string{
	`{"id":"red","title":[{"lang":"en","text":"Linen summer dress"}],"price":[{"amount":2499,"currency":"EUR"},{"amount":2799,"currency":"USD"}],"stock":37,"link":"https://shop.example.com/p/red?v=m#size"}`,
	`{"id":"greek","title":[{"lang":"el","text":"Λινό φόρεμα – κόκκινο"}],"price":[{"amount":2499,"currency":"EUR"}],"link":"https://shop.example.com/p/greek"}`,
	`{"id":"arabic","title":[{"lang":"ar","text":"فستان كتان أحمر"}],"price":[{"amount":92500,"currency":"KWD"}],"link":"https://shop.example.com/p/arabic"}`,
	`{"id":"emoji","title":[{"lang":"en","text":"👩🏽‍🎤 dress ❤️ 🇬🇷"}],"price":[{"amount":500,"currency":"JPY"}],"link":"https://shop.example.com/p/emoji"}`,
	largeProduct("large"),
}

// largeProduct is one whose card has to lose members to fit.
func largeProduct(id string) string {
	return fmt.Sprintf(`{"id":%q,"title":[{"lang":"el","text":%q}],"variant":[{"lang":"el","text":%q}],"price":[{"amount":999999999999,"currency":"EUR"}],`+
		`"was":[{"amount":1000000000000,"currency":"EUR"}],"avail":"in_stock","stock":1000000,"link":"https://shop.example.com/%s","image":"https://cdn.example.com/%s","gtin":"04006381333931"}`,
		id, strings.Repeat("Ω", 80), strings.Repeat("é", 40), strings.Repeat("l", 175), strings.Repeat("i", 175))
}

// change is the answer to a change of what is shown, as far as the proofs look.
type change struct {
	Cue      string  `json:"cue"`
	Progress string  `json:"progress"`
	Seq      *int64  `json:"seq"`
	At       *int64  `json:"at"`
	Frame    *uint64 `json:"frame"`
	Late     bool    `json:"late"`
	Error    string  `json:"error"`
}

// stock puts the products into a stream's catalog.
func (g *gateway) stock(t testing.TB, s stream) {
	t.Helper()
	for _, p := range products {
		var id struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(p), &id); err != nil {
			t.Fatal(err)
		}
		if code, body, err := g.ask(http.MethodPut, g.api(s, "/products/"+id.ID), p); err != nil || code/100 != 2 {
			t.Fatalf("put %s: %d %s, %v", id.ID, code, body, err)
		}
	}
}

// api gives the address of something of a stream.
func (g *gateway) api(s stream, path string) string {
	return "http://" + g.http + "/v1/streams/" + s.id + path
}

// show asks for a change that must be taken.
func (g *gateway) show(t testing.TB, s stream, body string) change {
	t.Helper()
	code, answer, err := g.ask(http.MethodPost, g.api(s, "/overlays"), body)
	if err != nil || code/100 != 2 {
		t.Fatalf("change %s: %d %s, %v", body, code, answer, err)
	}
	var got change
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	return got
}

// cue asks how a change stands.
func (g *gateway) cue(t testing.TB, s stream, id string) change {
	t.Helper()
	var got change
	if err := json.Unmarshal([]byte(g.page(t, g.http, "/v1/streams/"+s.id+"/overlays/"+id)), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// newest gives the newest media time of a stream, in ticks.
func (g *gateway) newest(t testing.TB, s stream) int64 {
	t.Helper()
	var got struct {
		Now int64 `json:"now"`
	}
	if err := json.Unmarshal([]byte(g.page(t, g.http, "/v1/streams/"+s.id+"/overlays")), &got); err != nil {
		t.Fatal(err)
	}
	return got.Now
}
