package overlay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
)

// message is the JSON of the convention.
type message struct {
	V      int    `json:"v"`
	Stream string `json:"stream"`
	Seq    int64  `json:"seq"`
	At     int64  `json:"at"`
	Now    int64  `json:"now"`
	Late   bool   `json:"late"`
	RTP    uint32 `json:"rtp"`
	Show   []struct {
		Slot    string          `json:"slot"`
		Until   int64           `json:"until"`
		Pos     any             `json:"pos"`
		Style   string          `json:"style"`
		Product json.RawMessage `json:"product"`
	} `json:"show"`
}

type wireProduct struct {
	ID      string         `json:"id"`
	Title   string         `json:"title"`
	Variant string         `json:"variant"`
	Price   *overlay.Money `json:"price"`
	Was     *overlay.Money `json:"was"`
	Avail   string         `json:"avail"`
	Stock   *int64         `json:"stock"`
	Link    string         `json:"link"`
	Image   string         `json:"image"`
	GTIN    string         `json:"gtin"`
	Lang    string         `json:"lang"`
}

// checkWire reads a message and checks it against the limits.
func checkWire(t testing.TB, w *overlay.Shown, now media.Time) (m message, products []wireProduct) {
	t.Helper()
	for _, data := range [][]byte{w.AppendJSON(nil, now), w.AppendRTP(nil, now, 1<<32-1)} {
		m, products = message{}, nil
		if len(data) > overlay.MaxWireState {
			t.Errorf("a state of %d bytes", len(data))
		}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		for _, card := range m.Show {
			if len(card.Product) > overlay.MaxWireProduct {
				t.Errorf("a product of %d bytes", len(card.Product))
			}
			var p wireProduct
			if err := json.Unmarshal(card.Product, &p); err != nil {
				t.Fatal(err)
			}
			if p.ID == "" || p.Title == "" || utf8.RuneCountInString(p.Title) > 80 || utf8.RuneCountInString(p.Variant) > 40 || len(p.Link) > 200 || len(p.Image) > 200 {
				t.Errorf("outside the limits: %s", card.Product)
			}
			products = append(products, p)
		}
	}
	return m, products
}

func TestWireGolden(t *testing.T) {
	s := example()
	w := (&overlay.View{}).Apply(s)
	if got, want := string(w.AppendJSON(nil, s.At)), golden(t, "wire.json"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s = &overlay.State{Stream: "a", Seq: 1<<53 - 1, At: media.Time(1e9), Late: true}
	w = (&overlay.View{}).Apply(s)
	if got, want := string(w.AppendRTP([]byte("x"), 2*s.At, 7)), `x{"v":1,"stream":"a","seq":9007199254740991,"at":90000,"now":180000,"late":true,"rtp":7,"show":[]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestViews(t *testing.T) {
	tests := map[string]struct {
		view   overlay.View
		change func(p *overlay.Product)
		want   func(p *wireProduct) // from the neutral view
		counts overlay.Counts
	}{
		"currency":            {view: overlay.View{Currency: "USD"}, want: func(p *wireProduct) { p.Price, p.Was = &overlay.Money{Amount: 2699, Currency: "USD"}, nil }},
		"missing currency":    {view: overlay.View{Currency: "JPY"}, want: func(p *wireProduct) { p.Price, p.Was = nil, nil }, counts: overlay.Counts{NoPrice: 1}},
		"locale":              {view: overlay.View{Locale: "EL"}, want: func(p *wireProduct) { p.Title, p.Lang = "Λινό καλοκαιρινό φόρεμα", "el" }},
		"less special":        {view: overlay.View{Locale: "el-GR"}, want: func(p *wireProduct) { p.Title, p.Lang = "Λινό καλοκαιρινό φόρεμα", "el" }},
		"same language":       {view: overlay.View{Locale: "en-GB"}, change: func(p *overlay.Product) { p.Title[0].Lang = "en-US" }, want: func(p *wireProduct) { p.Lang = "en-US" }},
		"missing locale":      {view: overlay.View{Locale: "ar"}, want: func(*wireProduct) {}, counts: overlay.Counts{OtherLang: 1}},
		"language not told":   {change: func(p *overlay.Product) { p.Title[0].Lang = "und" }, want: func(p *wireProduct) { p.Lang = "" }},
		"hide stock":          {view: overlay.View{Hide: overlay.FieldStock}, want: func(p *wireProduct) { p.Stock = nil }},
		"hide price":          {view: overlay.View{Hide: overlay.FieldPrice}, want: func(p *wireProduct) { p.Price, p.Was = nil, nil }},
		"hide much":           {view: overlay.View{Hide: overlay.FieldVariant | overlay.FieldWas | overlay.FieldAvail | overlay.FieldImage | overlay.FieldGTIN | overlay.FieldLang}, want: func(p *wireProduct) { p.Variant, p.Was, p.Avail, p.Image, p.GTIN, p.Lang = "", nil, "", "", "", "" }},
		"long image":          {change: func(p *overlay.Product) { p.Image += strings.Repeat("x", 200) }, want: func(p *wireProduct) { p.Image = "" }, counts: overlay.Counts{Shortened: 1}},
		"long variant":        {change: func(p *overlay.Product) { p.Variant[0].Text = strings.Repeat("λ", 41) }, want: func(p *wireProduct) { p.Variant = strings.Repeat("λ", 40) }, counts: overlay.Counts{Shortened: 1}},
		"long title":          {change: func(p *overlay.Product) { p.Title[0].Text = strings.Repeat("👍🏽", 41) }, want: func(p *wireProduct) { p.Title = strings.Repeat("👍🏽", 40) }, counts: overlay.Counts{Shortened: 1}},
		"parameters":          {view: overlay.View{Link: map[string]string{"utm_source": "talk shop", "a": "&"}}, want: func(p *wireProduct) { p.Link = "https://shop.example.com/p/48213?v=red-m&a=%26&utm_source=talk+shop" }},
		"parameters, plain":   {view: overlay.View{Link: map[string]string{"a": "1"}}, change: func(p *overlay.Product) { p.Link = "https://a.example" }, want: func(p *wireProduct) { p.Link = "https://a.example?a=1" }},
		"parameters, hash":    {view: overlay.View{Link: map[string]string{"a": "1"}}, change: func(p *overlay.Product) { p.Link = "https://a.example/p#b?c#d" }, want: func(p *wireProduct) { p.Link = "https://a.example/p?a=1#b?c#d" }},
		"parameters, query":   {view: overlay.View{Link: map[string]string{"a": "1"}}, change: func(p *overlay.Product) { p.Link = "https://a.example/?x=%20&&y&%zz=1#" }, want: func(p *wireProduct) { p.Link = "https://a.example/?x=%20&y&%zz=1&a=1#" }},
		"parameters, again":   {view: overlay.View{Link: map[string]string{"utm_source": "1"}}, change: func(p *overlay.Product) { p.Link = "https://a.example/?utm%5Fsource=2&b=3" }, want: func(p *wireProduct) { p.Link = "https://a.example/?b=3&utm_source=1" }},
		"parameters too long": {view: overlay.View{Link: map[string]string{"a": strings.Repeat("b", 200)}}, want: func(*wireProduct) {}, counts: overlay.Counts{NoParams: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := example()
			if tt.change != nil {
				tt.change(s.Cards[0].Product)
			}
			_, neutral := checkWire(t, (&overlay.View{}).Apply(example()), s.At)
			want := neutral[0]
			if tt.change != nil {
				want.Link = s.Cards[0].Product.Link
			}
			tt.want(&want)
			w := tt.view.Apply(s)
			_, got := checkWire(t, w, s.At)
			if diff := cmp.Diff([]wireProduct{want}, got); diff != "" {
				t.Error(diff)
			}
			if w.Counts != tt.counts {
				t.Errorf("got %+v, want %+v", w.Counts, tt.counts)
			}
		})
	}
}

func TestLinkThatNeverFits(t *testing.T) {
	s := example()
	s.Cards[0].Product.Link = "https://a.example/" + strings.Repeat("a", 200)
	w := (&overlay.View{}).Apply(s)
	if m, _ := checkWire(t, w, s.At); len(m.Show) != 0 || w.Counts.Dropped != 1 {
		t.Errorf("got %v and %+v, want the card dropped", m.Show, w.Counts)
	}
}

func TestFullState(t *testing.T) {
	s := &overlay.State{Stream: strings.Repeat("s", 16), Seq: 1<<53 - 1, At: 8e15, Late: true}
	for i := range overlay.MaxCards {
		p := dress()
		p.ID = strings.Repeat(`"`, 49) + fmt.Sprint(i)
		p.Title[0].Text = strings.Repeat("字", 80)
		p.Variant[0].Text = strings.Repeat("é", 40)
		p.Price[0].Amount, p.Was[0].Amount = overlay.MaxAmount-1, overlay.MaxAmount
		p.Avail, *p.Stock = overlay.OutOfStock, 1e12
		p.Link = "https://a.example/" + strings.Repeat("a", 160)
		p.Image = "https://a.example/" + strings.Repeat("b", 140)
		p.Title[0].Lang = "en-x-" + strings.Repeat("abcdefgh-", 3) + "a"
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		s.Cards = append(s.Cards, overlay.Card{
			Cue: "c", Slot: strings.Repeat("s", 15) + fmt.Sprint(i), Style: strings.Repeat("t", 16), Until: 8e15,
			Pos: overlay.Position{Box: overlay.Box{X: 100, Y: 100, W: 900, H: 900}}, Product: p,
		})
	}
	longest := 0
	for cut := range 60 { // find products right at their limit
		for i := range s.Cards {
			s.Cards[i].Product.Image = "https://a.example/" + strings.Repeat("b", 110+cut)
		}
		w := (&overlay.View{Link: map[string]string{"a": "b"}}).Apply(s)
		if m, _ := checkWire(t, w, s.At); len(m.Show) != 4 || w.Counts.Dropped != 0 {
			t.Fatalf("got %d cards, want 4", len(m.Show))
		}
		longest = max(longest, len(w.AppendJSON(nil, s.At)))
	}
	if longest < 3900 {
		t.Errorf("the longest state has %d bytes: this test proves nothing", longest)
	}
}

func TestValidateView(t *testing.T) {
	good := overlay.View{Currency: "EUR", Locale: "de-AT", Link: map[string]string{"utm_source": "x"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := overlay.View{Currency: "eur", Locale: "d", Link: map[string]string{"": "x"}}
	if got, want := fmt.Sprint(bad.Validate()), `currency is "eur": must be a code of ISO 4217 in upper case; locale is "d": must be a language tag of BCP 47, such as "en" or "pt-BR"; link has "": "x": must be query parameters without control characters`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if f, err := overlay.ParseField("stock"); err != nil || f != overlay.FieldStock {
		t.Errorf("got %v, %v, want stock", f, err)
	}
	if _, err := overlay.ParseField("link"); err == nil {
		t.Error("the link can be hidden")
	}
}
