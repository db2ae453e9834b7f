package overlay_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/overlay"
)

// dress is the product of the convention's example, with a second language and currency.
func dress() *overlay.Product {
	stock := int64(37)
	return &overlay.Product{
		ID:      "SKU-48213-RED-M",
		Title:   []overlay.Text{{Lang: "en", Text: "Linen summer dress"}, {Lang: "el", Text: "Λινό καλοκαιρινό φόρεμα"}},
		Variant: []overlay.Text{{Lang: "en", Text: "Red / M"}},
		Price:   []overlay.Money{{Amount: 2499, Currency: "EUR"}, {Amount: 2699, Currency: "USD"}},
		Was:     []overlay.Money{{Amount: 3999, Currency: "EUR"}},
		Avail:   overlay.InStock, Stock: &stock,
		Link:  "https://shop.example.com/p/48213?v=red-m",
		Image: "https://cdn.example.com/p/48213/red-m_480.webp",
		GTIN:  "04006381333931",
	}
}

// plain is the smallest product.
func plain(id string) *overlay.Product {
	return &overlay.Product{
		ID: id, Title: []overlay.Text{{Lang: "en", Text: "Title of " + id}}, Price: []overlay.Money{{Amount: 100, Currency: "EUR"}}, Link: "https://shop.example.com/" + id,
	}
}

func golden(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n")
}

func TestProductJSON(t *testing.T) {
	want := golden(t, "product.json")
	if got := string(dress().JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := overlay.ParseProduct([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dress(), got); diff != "" {
		t.Error(diff)
	}
}

func TestParseProductNormalizesTexts(t *testing.T) {
	got, err := overlay.ParseProduct([]byte(`{"id":"A","title":[{"lang":"fr","text":"Robe d'e` + "\u0301" + `te"}],"price":[{"amount":0,"currency":"JPY"}],"link":"https://a.example","image":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := "Robe d'\u00e9te"; got.Title[0].Text != want {
		t.Errorf("got %q, want %q", got.Title[0].Text, want)
	}
}

func TestParseProductFaults(t *testing.T) {
	const rest = `"link":"https://a.example"`
	tests := map[string]struct{ in, want string }{
		"no object":         {`[]`, `product is "[]": must be a JSON object`},
		"null":              {`null`, `product is "null": must be a JSON object`},
		"two":               {`{} {}`, `product has something behind it: must be one JSON object`},
		"not UTF-8":         {"{\"id\":\"\xff\"}", `product holds bytes that are no UTF-8: must be a JSON object in UTF-8`},
		"float price":       {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":24.99,"currency":"EUR"}],` + rest + `}`, `price[0].amount is "24.99": must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"whole float price": {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":2499.0,"currency":"EUR"}],` + rest + `}`, `price[0].amount is "2499.0": must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"exponent price":    {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":2e3,"currency":"EUR"}],` + rest + `}`, `price[0].amount is "2e3": must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"text price":        {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":"2499","currency":"EUR"}],` + rest + `}`, `price[0].amount is "\"2499\"": must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"negative price":    {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":-1,"currency":"EUR"}],` + rest + `}`, `price[0].amount is -1: must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"float stock":       {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":1,"currency":"EUR"}],"stock":1.5,` + rest + `}`, `stock is "1.5": must be an integer, 0 to 1000000000000`},
		"unknown members":   {`{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":1,"currency":"EUR"}],"sku":1,"color":2,` + rest + `}`, `"color" is unknown: must be one of id title variant price was avail stock link image gtin; "sku" is unknown: must be one of id title variant price was avail stock link image gtin`},
		"unknown in lists":  {`{"id":"A","title":[{"lang":"en","text":"T","x":1}],"price":[{"amount":1,"currency":"EUR","x":1}],` + rest + `}`, `title[0].x is unknown: must be lang or text; price[0].x is unknown: must be amount or currency`},
		"wrong kinds":       {`{"id":1,"title":"T","price":{},"avail":"soon","link":"javascript:alert(1)"}`, `id is "1": must be a text; title is "\"T\"": must be a list such as [{"lang":"en","text":"Red"}]; price is "{}": must be a list such as [{"amount":2499,"currency":"EUR"}]; avail is "soon": must be one of in_stock limited preorder backorder out_of_stock; link is "javascript:alert(1)": must be an https link of at most 2048 bytes, percent-encoded`},
		"nothing":           {`{}`, `id is missing: must be 1 to 50 bytes of text without control characters; title is missing: must have a text in at least one language; price is missing: must have an amount in at least one currency; link is missing: must be an https link of at most 2048 bytes, percent-encoded`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := overlay.ParseProduct([]byte(tt.in))
			if p != nil || err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	var size *overlay.SizeError
	if _, err := overlay.ParseProduct(bytes.Repeat([]byte(" "), overlay.MaxProduct+1)); !errors.As(err, &size) || size.Limit != overlay.MaxProduct {
		t.Errorf("got %v, want a size error", err)
	}
}

func TestValidateProduct(t *testing.T) {
	many := func(n int) (texts []overlay.Text, moneys []overlay.Money) {
		for i := range n {
			texts = append(texts, overlay.Text{Lang: fmt.Sprintf("en-x-%d", i), Text: "T"})
			moneys = append(moneys, overlay.Money{Amount: int64(i), Currency: "EUR"})
		}
		return texts, moneys
	}
	texts, moneys := many(65)
	tests := map[string]struct {
		change func(p *overlay.Product)
		want   string // its start; empty: valid
	}{
		"as it is":                {func(*overlay.Product) {}, ""},
		"id of 50 bytes":          {func(p *overlay.Product) { p.ID = strings.Repeat("a", 50) }, ""},
		"id of 51 bytes":          {func(p *overlay.Product) { p.ID = strings.Repeat("a", 51) }, "id has 51 bytes"},
		"id with a line feed":     {func(p *overlay.Product) { p.ID = "a\nb" }, `id is "a\nb"`},
		"id of dots":              {func(p *overlay.Product) { p.ID = ".." }, `id is ".."`},
		"title of 256":            {func(p *overlay.Product) { p.Title[0].Text = strings.Repeat("λ", 256) }, ""},
		"title of 257":            {func(p *overlay.Product) { p.Title[0].Text = strings.Repeat("λ", 257) }, "title[0].text has 257 characters"},
		"blank title":             {func(p *overlay.Product) { p.Title[1].Text = "  " }, "title[1].text is empty"},
		"title with a control":    {func(p *overlay.Product) { p.Title[0].Text = "a\u0085b" }, "title[0].text is"},
		"title with a separator":  {func(p *overlay.Product) { p.Title[0].Text = "a\u2028b" }, "title[0].text is"},
		"title not NFC":           {func(p *overlay.Product) { p.Title[0].Text = "e\u0301" }, "title[0].text is \"e\u0301\": must be in Unicode normalization form C"},
		"title not UTF-8":         {func(p *overlay.Product) { p.Title[0].Text = "\xff" }, "title[0].text is"},
		"language twice":          {func(p *overlay.Product) { p.Title[1].Lang = "EN" }, `title[1].lang is "EN" again`},
		"language of one letter":  {func(p *overlay.Product) { p.Title[0].Lang = "e" }, `title[0].lang is "e"`},
		"language with a digit":   {func(p *overlay.Product) { p.Title[0].Lang = "e1" }, `title[0].lang is "e1"`},
		"language of two parts":   {func(p *overlay.Product) { p.Title[0].Lang = "zh-Hant-TW" }, ""},
		"language too long":       {func(p *overlay.Product) { p.Title[0].Lang = strings.Repeat("en-", 12) + "en" }, "title[0].lang is"},
		"too many languages":      {func(p *overlay.Product) { p.Title = texts }, "title has 65 languages"},
		"variant of 129":          {func(p *overlay.Product) { p.Variant[0].Text = strings.Repeat("x", 129) }, "variant[0].text has 129"},
		"too many currencies":     {func(p *overlay.Product) { p.Price = moneys }, "price has 65 currencies"},
		"currency twice":          {func(p *overlay.Product) { p.Price[1].Currency = "EUR" }, `price[1].currency is "EUR" again`},
		"unknown currency":        {func(p *overlay.Product) { p.Price[1].Currency = "EUX" }, `price[1].currency is "EUX"`},
		"most money":              {func(p *overlay.Product) { p.Price[1].Amount = overlay.MaxAmount }, ""},
		"too much money":          {func(p *overlay.Product) { p.Price[1].Amount = overlay.MaxAmount + 1 }, "price[1].amount is 1000000000001"},
		"was not above":           {func(p *overlay.Product) { p.Was[0].Amount = 2499 }, "was[0].amount is 2499: must be above the price in EUR"},
		"was without a price":     {func(p *overlay.Product) { p.Was[0].Currency = "JPY" }, `was[0].currency is "JPY": must be a currency that price has`},
		"was without a currency":  {func(p *overlay.Product) { p.Was[0].Currency = "" }, `was[0].currency is ""`},
		"unknown availability":    {func(p *overlay.Product) { p.Avail = 99 }, "avail is unknown"},
		"negative stock":          {func(p *overlay.Product) { *p.Stock = -1 }, "stock is -1"},
		"http":                    {func(p *overlay.Product) { p.Link = "http://shop.example.com" }, "link is"},
		"javascript":              {func(p *overlay.Product) { p.Link = "javascript:alert(1)" }, "link is"},
		"no host":                 {func(p *overlay.Product) { p.Link = "https:///p" }, "link is"},
		"credentials":             {func(p *overlay.Product) { p.Link = "https://shop.example.com@evil.example/" }, "link holds credentials"},
		"space":                   {func(p *overlay.Product) { p.Link = "https://shop.example.com/a b" }, "link is"},
		"quote":                   {func(p *overlay.Product) { p.Link = `https://shop.example.com/a"b` }, "link is"},
		"Greek path":              {func(p *overlay.Product) { p.Link = "https://shop.example.com/φ" }, "link is"},
		"bad escape":              {func(p *overlay.Product) { p.Link = "https://shop.example.com/%zz" }, "link is"},
		"link of 2048":            {func(p *overlay.Product) { p.Link = "https://a.example/" + strings.Repeat("a", 2030) }, ""},
		"link of 2049":            {func(p *overlay.Product) { p.Link = "https://a.example/" + strings.Repeat("a", 2031) }, "link has 2049 bytes"},
		"image over http":         {func(p *overlay.Product) { p.Image = "http://a.example/a.png" }, "image is"},
		"gtin 8":                  {func(p *overlay.Product) { p.GTIN = "96385074" }, ""},
		"gtin 12":                 {func(p *overlay.Product) { p.GTIN = "036000291452" }, ""},
		"gtin 13":                 {func(p *overlay.Product) { p.GTIN = "4006381333931" }, ""},
		"gtin of a wrong length":  {func(p *overlay.Product) { p.GTIN = "40063813339" }, `gtin is "40063813339": must be 8, 12, 13 or 14 digits`},
		"gtin with a letter":      {func(p *overlay.Product) { p.GTIN = "400638133393X" }, `gtin is "400638133393X": must be 8`},
		"gtin with a wrong check": {func(p *overlay.Product) { p.GTIN = "4006381333932" }, `gtin is "4006381333932": must end in its check digit, which is 1`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := dress()
			tt.change(p)
			err := p.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestProductSize(t *testing.T) {
	p := dress()
	p.Title = nil
	for i := range 60 {
		p.Title = append(p.Title, overlay.Text{Lang: fmt.Sprintf("en-x-%d", i), Text: strings.Repeat("λ", 256)})
	}
	var size *overlay.SizeError
	if err := p.Validate(); !errors.As(err, &size) || size.Limit != overlay.MaxProduct || size.Size <= size.Limit {
		t.Errorf("got %v, want a size error", err)
	}
	if size.Error() == "" {
		t.Error("the size error says nothing")
	}
}

func TestMoney(t *testing.T) {
	tests := []struct {
		money overlay.Money
		want  string
		in    string // what is read; empty: want without the currency
	}{
		{overlay.Money{Amount: 2499, Currency: "EUR"}, "24.99 EUR", ""},
		{overlay.Money{Amount: 5, Currency: "EUR"}, "0.05 EUR", ""},
		{overlay.Money{Amount: 0, Currency: "USD"}, "0.00 USD", "0"},
		{overlay.Money{Amount: 2490, Currency: "EUR"}, "24.90 EUR", "24.9"},
		{overlay.Money{Amount: 2490, Currency: "EUR"}, "24.90 EUR", "24.9000"},
		{overlay.Money{Amount: 2499, Currency: "JPY"}, "2499 JPY", ""},
		{overlay.Money{Amount: 2499, Currency: "JPY"}, "2499 JPY", "2499.00"},
		{overlay.Money{Amount: 2499, Currency: "KWD"}, "2.499 KWD", ""},
		{overlay.Money{Amount: 2499, Currency: "CLF"}, "0.2499 CLF", ""},
		{overlay.Money{Amount: overlay.MaxAmount, Currency: "EUR"}, "10000000000.00 EUR", ""},
	}
	for _, tt := range tests {
		t.Run(tt.want+tt.in, func(t *testing.T) {
			if got := tt.money.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			in := tt.in
			if in == "" {
				in, _, _ = strings.Cut(tt.want, " ")
			}
			if got, err := overlay.ParseMoney(in, tt.money.Currency); err != nil || got != tt.money {
				t.Errorf("got %v, %v, want %v", got, err, tt.money)
			}
		})
	}
	if got, want := (overlay.Money{Amount: -5, Currency: "EUR"}).String(), "-0.05 EUR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{"", ".", ".5", "5.", "-1", "+1", "1,000.00", "1e3", "24.999", "€5", "10000000000.01", "99999999999999", " 1"} {
		if got, err := overlay.ParseMoney(bad, "EUR"); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
	for _, bad := range []string{"", "eur", "EU", "EURO", "UR ", "R G", "XXX"} {
		if got, err := overlay.ParseMoney("1", bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

func FuzzParseProduct(f *testing.F) {
	f.Add([]byte(golden(f, "product.json")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := overlay.ParseProduct(data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		again, err := overlay.ParseProduct(p.JSON())
		if err != nil {
			t.Fatalf("%s: %v", p.JSON(), err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
	})
}
