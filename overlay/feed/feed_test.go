package feed_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/overlay/feed"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shop are the options that Shopify's files need.
func shop() feed.Options {
	return feed.Options{Shop: "https://shop.example.com/", Currency: "EUR", Lang: "en"}
}

// read reads a file and gives its products, or what is wrong with it, in one line each.
func read(t testing.TB, name, content string, o feed.Options) string {
	t.Helper()
	products, err := feed.Read(name, strings.NewReader(content), o)
	var said []string
	var faults overlay.Faults
	switch {
	case errors.As(err, &faults):
		if products != nil {
			t.Errorf("got %d products with an error", len(products))
		}
		for _, f := range faults {
			said = append(said, f.Error())
		}
	case err != nil:
		t.Fatal(err)
	}
	for _, p := range products {
		said = append(said, string(p.JSON()))
	}
	return strings.Join(said, "\n")
}

func TestGoldenFiles(t *testing.T) {
	for name, format := range map[string]feed.Format{
		"own.csv": feed.CSV, "products.json": feed.JSON, "products.jsonl": feed.JSON,
		"google.tsv": feed.GoogleTSV, "google.xml": feed.GoogleXML, "shopify.csv": feed.Shopify,
	} {
		t.Run(name, func(t *testing.T) {
			content := string(file(t, name))
			got := read(t, name, content, shop()) + "\n"
			if *update {
				if err := os.WriteFile("testdata/"+name+".golden", []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want := string(file(t, name+".golden"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			lf := strings.ReplaceAll(content, "\r\n", "\n")
			for ends, content := range map[string]string{
				"CR LF": strings.ReplaceAll(lf, "\n", "\r\n"), "LF": lf, "CR": strings.ReplaceAll(lf, "\n", "\r"),
				"byte order mark": "\uFEFF" + strings.TrimPrefix(lf, "\uFEFF"),
			} {
				if diff := cmp.Diff(want, read(t, "", content, shop())+"\n"); diff != "" {
					t.Errorf("%s: %s", ends, diff)
				}
			}
			o := shop()
			o.Format = format
			if diff := cmp.Diff(want, read(t, "a.bin", content, o)+"\n"); diff != "" {
				t.Errorf("as %v: %s", format, diff)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("broken")
	if _, err := feed.Read("a.csv", iotest.ErrReader(broken), feed.Options{}); !errors.Is(err, broken) || err.Error() != "read a.csv: broken" {
		t.Errorf("got %v", err)
	}
	var size *overlay.SizeError
	large := io.LimitReader(neverEnding(' '), feed.MaxFile+1)
	if _, err := feed.Read("a.csv", large, feed.Options{}); !errors.As(err, &size) || size.Limit != feed.MaxFile {
		t.Errorf("got %v", err)
	}
	if _, err := feed.Read("", bytes.NewReader(nil), feed.Options{}); err == nil || err.Error() != "read products: file is empty: must have products" {
		t.Errorf("got %v", err)
	}
}

type neverEnding byte

func (n neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(n)
	}
	return len(p), nil
}

func TestEncodings(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty":         {"", "file is empty: must have products"},
		"blank":         {"\uFEFF \r\n\n", "file is empty: must have products"},
		"UTF-16":        {"\xFF\xFEi\x00d\x00", "file is in UTF-16: must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"},
		"UTF-16 BE":     {"\xFE\xFF\x00i\x00d", "file is in UTF-16: must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"},
		"UTF-16 bare":   {"i\x00d\x00", "line 1 holds bytes that are no UTF-8 text: must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"},
		"Latin-1":       {"id,title\nA,Robe d'\xE9t\xE9\n", "line 2 holds bytes that are no UTF-8 text: must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"},
		"Latin-1 first": {"\xE9t\xE9\x00", "line 1 holds bytes that are no UTF-8 text: must be UTF-8: save or export it as such (in Excel: CSV UTF-8)"},
		"spreadsheet":   {"PK\x03\x04abc", "file is a zip archive or spreadsheet: must be text: export the table as CSV, or unpack the archive"},
		"gzip":          {"\x1F\x8Babc", "file is compressed: must be text: unpack it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, "a.csv", tt.in, feed.Options{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	const file = "Handle,Title,Variant SKU,Variant Price\na,A,1,2.00\n"
	const shopRule = "must be the https address of the shop, without a query, since Shopify's file has no links"
	tests := map[string]struct {
		in   feed.Options
		want string
	}{
		"none":            {feed.Options{}, "shop is missing: " + shopRule + "\ncurrency is missing: must be a code of ISO 4217 in upper case, since Shopify's file does not tell"},
		"http shop":       {feed.Options{Shop: "http://a.example", Currency: "EUR"}, `shop is "http://a.example": ` + shopRule},
		"shop with query": {feed.Options{Shop: "https://a.example/?a", Currency: "EUR"}, `shop is "https://a.example/?a": ` + shopRule},
		"no address":      {feed.Options{Shop: "https://%zz", Currency: "EUR"}, `shop is "https://%zz": ` + shopRule},
		"currency":        {feed.Options{Shop: "https://a.example", Currency: "eur"}, `currency is "eur": must be a code of ISO 4217 in upper case, since Shopify's file does not tell`},
		"language":        {feed.Options{Format: feed.CSV, Lang: "e"}, `lang is "e": must be a language tag of BCP 47, such as "en" or "pt-BR", or "und"`},
		"format":          {feed.Options{Format: 99}, "format is unknown: must be one of auto json csv google-tsv google-xml shopify"},
		"shop in a folder": {
			feed.Options{Shop: "https://a.example/de", Currency: "EUR"},
			`{"id":"1","title":[{"lang":"und","text":"A"}],"price":[{"amount":200,"currency":"EUR"}],"link":"https://a.example/de/products/a"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, "a.csv", file, tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFormatNames(t *testing.T) {
	for f := feed.Auto; f <= feed.Shopify; f++ {
		text, err := f.MarshalText()
		if err != nil || string(text) != f.String() {
			t.Errorf("%v: got %q, %v", f, text, err)
		}
		got := feed.Format(99)
		if err := got.UnmarshalText(text); err != nil || got != f {
			t.Errorf("%v: got %v, %v", f, got, err)
		}
	}
	if got := feed.Format(99).String(); got != "unknown" {
		t.Errorf("got %q", got)
	}
	f := feed.CSV
	if err := f.UnmarshalText(nil); err != nil || f != feed.Auto {
		t.Errorf("got %v, %v", f, err)
	}
	if err := f.UnmarshalText([]byte("xlsx")); err == nil || err.Error() != `format is "xlsx": must be one of auto json csv google-tsv google-xml shopify` {
		t.Errorf("got %v", err)
	}
}

// What each file is taken for shows in what is wrong with it.
func TestDetect(t *testing.T) {
	tests := map[string]struct{ name, in, want string }{
		"JSON by name":             {"a.JSON", "x", `line 1: product is "x": must be a JSON object`},
		"JSON lines by name":       {"a.ndjson", "x", `line 1: product is "x": must be a JSON object`},
		"JSON by its first byte":   {"a.csv", "{", `line 1: product is "{": must be a JSON object`},
		"XML by name":              {"a.xml", "x", "line 1 ends: must have a feed of RSS 2.0"},
		"XML by its first byte":    {"a.txt", "<a/>", `line 1 begins "a": must be one feed of RSS 2.0, with the element rss around all`},
		"TSV by name":              {"a.tsv", "id,title,link,price", tabs("id", "title", "link", "price")},
		"TSV by its header":        {"a.txt", "id\ttitle\tlink", tabs("price")},
		"CSV by its name":          {"a.csv", "id\ttitle,title,price,currency,link", `line 1: header has "id\ttitle": must be of id title price currency link variant was avail stock image gtin lang` + "\n" + `line 1: header lacks "id": must name the columns, apart by commas`},
		"Shopify by its header":    {"a.csv", "Handle,Title,Variant SKU", `shop is missing: must be the https address of the shop, without a query, since Shopify's file has no links` + "\n" + `currency is missing: must be a code of ISO 4217 in upper case, since Shopify's file does not tell`},
		"CSV, nothing in it":       {"a", "id,title,price,currency,link", ""},
		"Google, nothing in it":    {"a", "g:id\tTitle\tLINK\tprice", ""},
		"feed without items":       {"a", `<rss version="2.0"><channel/></rss>`, ""},
		"JSON without products":    {"a", " [ ] ", ""},
		"Shopify, no product rows": {"a", "Handle,Title,Variant SKU,Variant Price\n", "shop"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := feed.Options{}
			if tt.want == "shop" {
				o, tt.want = shop(), ""
			}
			if diff := cmp.Diff(tt.want, read(t, tt.name, tt.in, o)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// tabs says that columns are missing from a text feed.
func tabs(columns ...string) string {
	var said []string
	for _, c := range columns {
		said = append(said, `line 1: header lacks "`+c+`": must name the columns, apart by tabs`)
	}
	return strings.Join(said, "\n")
}
