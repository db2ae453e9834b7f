package overlay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// sample is the message of the convention.
const sample = `{"v":1,"stream":"k3v9x2","seq":1842,"at":60132000,"now":60132000,
 "show":[{"slot":"main","until":62832000,"pos":"lower-third","style":"card",
   "product":{"id":"SKU-48213-RED-M","title":"Linen summer dress","variant":"Red / M",
     "price":{"amount":2499,"currency":"EUR"},"was":{"amount":3999,"currency":"EUR"},
     "avail":"in_stock","stock":37,"link":"https://shop.example.com/p/48213?v=red-m",
     "image":"https://cdn.example.com/p/48213/red-m_480.webp","gtin":"04006381333931","lang":"en"}}]}`

func TestParseMessage(t *testing.T) {
	got, err := overlay.ParseMessage([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	stock := int64(37)
	want := &overlay.Message{
		Version: 1, Stream: "k3v9x2", Seq: 1842, At: 60132000, Now: 60132000,
		Show: []overlay.MessageCard{{
			Slot: "main", Until: 62832000, Style: "card",
			Product: overlay.MessageProduct{
				ID: "SKU-48213-RED-M", Title: "Linen summer dress", Variant: "Red / M",
				Price: &overlay.Money{Amount: 2499, Currency: "EUR"}, Was: &overlay.Money{Amount: 3999, Currency: "EUR"},
				Avail: overlay.InStock, Stock: &stock, Link: "https://shop.example.com/p/48213?v=red-m",
				Image: "https://cdn.example.com/p/48213/red-m_480.webp", GTIN: "04006381333931", Lang: "en",
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	change, err := got.Show[0].Card(got.At)
	if err != nil || change.TTL != 30*time.Second || change.When.Media != media.FromTicks(60132000, 90000) || change.Given.Title[0].Text != "Linen summer dress" {
		t.Errorf("card: %+v, %v", change, err)
	}
}

func TestParseMessageFaults(t *testing.T) {
	for _, c := range []struct{ name, old, now, want string }{
		{"unknown member", `"v":1`, `"v":1,"color":"red"`, ""},
		{"no until", `"until":62832000,`, ``, ""},
		{"no variant", `"variant":"Red / M",`, ``, ""},
		{"no version", `"v":1,`, ``, "version"},
		{"version 2", `"v":1`, `"v":2`, "version"},
		{"not JSON", `{"v":1`, `{"v"`, "JSON"},
		{"stream with a dot", "k3v9x2", "k3.v9", "stream"},
		{"stream too long", "k3v9x2", "12345678901234567", "stream"},
		{"seq 0", `1842`, `0`, "seq"},
		{"seq beyond 2^53", `1842`, `9007199254740992`, "seq"},
		{"at as a fraction", `"at":60132000`, `"at":1.5`, "cannot be read"},
		{"now before at", `"now":60132000`, `"now":1`, "now"},
		{"slot with capitals", `"main"`, `"Main"`, "slot"},
		{"slot missing", `"slot":"main",`, ``, "slot"},
		{"place of no name", `"lower-third"`, `"middle"`, "middle"},
		{"javascript link", "https://shop.example.com/p/48213?v=red-m", "javascript:alert(1)", "link"},
		{"link too long", "48213?v", strings.Repeat("x", 200), "link"},
		{"too large", "Linen", strings.Repeat("x", 4096), "4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := overlay.ParseMessage([]byte(strings.Replace(sample, c.old, c.now, 1)))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want a fault that names %s", err, c.want)
			case c.want == "version" && !errors.Is(err, overlay.ErrVersion):
				t.Errorf("got %v, want ErrVersion", err)
			}
		})
	}
	twice := strings.Replace(sample, `"show":[`, `"show":[`+sample[strings.Index(sample, `{"slot"`):len(sample)-2]+",", 1)
	if _, err := overlay.ParseMessage([]byte(twice)); err == nil || !strings.Contains(err.Error(), "again") {
		t.Errorf("two cards in one slot: got %v", err)
	}
}

// A card whose product no catalog can have is told apart from one that is shown.
func TestMessageCardWithoutPrice(t *testing.T) {
	m, err := overlay.ParseMessage([]byte(strings.Replace(sample, `"price":{"amount":2499,"currency":"EUR"},"was":{"amount":3999,"currency":"EUR"},`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Show[0].Card(m.At); err == nil || !strings.Contains(err.Error(), "price") {
		t.Errorf("got %v, want a fault of price", err)
	}
}

// What a view writes is read back, whatever the products are.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"v":1,"stream":"a","seq":1,"at":0,"now":0,"show":[]}`))
	f.Add([]byte(`{"v":1,"stream":"a","seq":1,"at":0,"now":0,"show":[{"slot":"a","pos":[1,2,3,4],"style":"b","product":{"id":"x","title":"","link":"https://a.b"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := overlay.ParseMessage(data)
		if err != nil {
			return
		}
		if m.Seq < 1 || len(m.Show) > overlay.MaxCards || m.Now < m.At {
			t.Errorf("taken: %+v", m)
		}
		for i := range m.Show {
			if c, err := m.Show[i].Card(m.At); err == nil && c.Given.Validate() != nil {
				t.Errorf("a product that is not valid: %v", c.Given.Validate())
			}
		}
	})
}
