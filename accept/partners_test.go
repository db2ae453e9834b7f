//go:build linux

package accept_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// revokedGoal is how soon a partner whose contract is taken away must be gone.
const revokedGoal = time.Second

// TestPartners lets partners play a private stream with their tokens: each has its view of the overlays from its first picture on, and
// is gone when its contract is.
func TestPartners(t *testing.T) {
	realPeers(t)
	s := stream{id: "maria"}
	tokens := map[string]string{"usd": key("usd"), "eur": key("eur")}
	g := &gateway{tokens: true}
	g.partners = fmt.Sprintf("partners:\n"+
		"  usd: {token: %q, streams: [maria], protocols: [rtmp], max_connections: 1, view: {currency: USD, link: {utm_source: usd}}}\n"+
		"  eur: {token: %q, streams: [maria], protocols: [rtmp], view: {hide: [stock]}}\n", tokens["usd"], tokens["eur"])
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: 14 * 30, Rate: 30, BFrames: true}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	g.show(t, s, `{"action":"show","product":"red"}`)
	url := func(token string) string { return g.playURL(s) + "?token=" + token }
	dumps, players := map[string]string{}, map[string]*mediatest.Process{}
	for name, token := range tokens {
		dumps[name] = filepath.Join(t.TempDir(), name+".flv")
		players[name] = mediatest.FFmpeg(t, "-rtmp_live", "live", "-i", url(token), "-map", "0", "-c", "copy", "-f", "flv", dumps[name])
	}
	mediatest.Within(t, patience, "both partners", func() bool { return len(g.status(t, s).Feeds) == 2 })
	time.Sleep(2 * time.Second)
	for name, bad := range map[string]string{"a second connection": tokens["usd"], "no contract": key("none"), "a stream key that is wrong": "x"} {
		if code := mediatest.FFmpeg(t, "-i", url(bad), "-t", "1", "-f", "null", "-").Wait(t, patience); code == 0 {
			t.Errorf("%s is let in", name)
		}
	}
	begin := time.Now()
	g.partners = strings.Split(g.partners, "  eur:")[0]
	g.configure(t, g.yaml(s))
	players["eur"].Wait(t, patience)
	timeFigure(t, "partner_revoked", time.Since(begin), revokedGoal)
	if players["usd"].Exited() {
		t.Error("the other partner was sent away too")
	}
	players["usd"].Wait(t, time.Minute)
	for name, want := range map[string]string{"usd": `2799 USD https://shop.example.com/p/red?v=m&utm_source=usd#size stock`, "eur": `2499 EUR https://shop.example.com/p/red?v=m#size`} {
		r := readRecording(t, name, dumps[name])
		for _, carriage := range []string{"sei", "amf"} {
			if len(r.seen[carriage]) == 0 || r.seen[carriage][0].pts != r.head {
				t.Errorf("%s by %s: no state with the first picture", name, carriage)
				continue
			}
			p := r.seen[carriage][0].Show[0].Product
			got := fmt.Sprintf("%d %s %s", p.Price.Amount, p.Price.Currency, p.Link)
			if p.Stock != nil {
				got += " stock"
			}
			if got != want {
				t.Errorf("%s by %s: got %s, want %s", name, carriage, got, want)
			}
		}
	}
}
