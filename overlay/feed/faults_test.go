package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/overlay/feed"
)

const (
	ownHeader    = "id,title,price,currency,link,was,avail,stock,image,gtin,lang,variant\n"
	googleHeader = "id\ttitle\tlink\tprice\tsale price\tavailability\tgtin\timage_link\n"
	shopHeader   = "Handle,Title,Variant SKU,Variant Price,Variant Compare At Price,Variant Inventory Qty,Image Src,Variant Barcode,Option1 Value,Variant Image\n"
	euros        = "must be digits with at most 2 decimals behind a point, at most 10000000000.00 EUR"
	availRule    = "must be one of in_stock limited preorder backorder out_of_stock"
	linkRule     = "must be an https link of at most 2048 bytes, percent-encoded"
	pairRule     = `must be an amount and a currency of ISO 4217, such as "24.99 EUR"`
)

// faultCase is a file and what is wrong with it.
type faultCase struct{ in, want string }

func testFaults(t *testing.T, name, header string, tests map[string]faultCase) {
	t.Helper()
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, name, header+tt.in, shop())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOwnFaults(t *testing.T) {
	testFaults(t, "a.csv", ownHeader, map[string]faultCase{
		"comma":             {`A,T,"24,99",EUR,https://a.example,,,,,,,`, `line 2: price is "24,99": must have a point before its decimals, and no other separator: 24.99`},
		"thousands":         {`A,T,"1,299.00",EUR,https://a.example,,,,,,,`, `line 2: price is "1,299.00": must have a point before its decimals, and no other separator`},
		"too many decimals": {`A,T,24.999,EUR,https://a.example,,,,,,,`, `line 2: price is "24.999": ` + euros},
		"decimals of yen":   {`A,T,24.9,JPY,https://a.example,,,,,,,`, `line 2: price is "24.9": must be digits with at most 0 decimals behind a point, at most 1000000000000 JPY`},
		"symbol":            {`A,T,€24,EUR,https://a.example,,,,,,,`, `line 2: price is "€24": ` + euros},
		"negative":          {`A,T,-1,EUR,https://a.example,,,,,,,`, `line 2: price is "-1": ` + euros},
		"exponent":          {`A,T,1e3,EUR,https://a.example,,,,,,,`, `line 2: price is "1e3": ` + euros},
		"too much":          {`A,T,10000000000.01,EUR,https://a.example,,,,,,,`, `line 2: price is "10000000000.01": ` + euros},
		"no price":          {`A,T,,EUR,https://a.example,,,,,,,`, `line 2: price is missing: must have an amount in at least one currency`},
		"no currency":       {`A,T,1,,https://a.example,,,,,,,`, `line 2: currency is missing: must be a code of ISO 4217 in upper case`},
		"neither":           {`A,T,,,https://a.example,,,,,,,`, "line 2: currency is missing: must be a code of ISO 4217 in upper case\nline 2: price is missing: must have an amount in at least one currency"},
		"unknown currency":  {`A,T,1,EUX,https://a.example,2,,,,,,`, `line 2: currency is "EUX": must be a code of ISO 4217 in upper case`},
		"was too low":       {`A,T,2,EUR,https://a.example,2,,,,,,`, `line 2: was is 200: must be above the price in EUR`},
		"was with comma":    {`A,T,2,EUR,https://a.example,"3,5",,,,,,`, `line 2: was is "3,5": must have a point before its decimals, and no other separator: 3.5`},
		"avail":             {`A,T,2,EUR,https://a.example,,soon,,,,,`, `line 2: avail is "soon": ` + availRule},
		"stock":             {`A,T,2,EUR,https://a.example,,,1.5,,,,`, `line 2: stock is "1.5": must be an integer, 0 to 1000000000000`},
		"negative stock":    {`A,T,2,EUR,https://a.example,,,-1,,,,`, `line 2: stock is -1: must be an integer, 0 to 1000000000000`},
		"links":             {`A,T,2,EUR,javascript:alert(1),,,,http://a.example,,,`, `line 2: link is "javascript:alert(1)": ` + linkRule + "\n" + `line 2: image is "http://a.example": ` + linkRule},
		"gtin":              {`A,T,2,EUR,https://a.example,,,,,4006381333932,,`, `line 2: gtin is "4006381333932": must end in its check digit, which is 1`},
		"language":          {`A,T,2,EUR,https://a.example,,,,,,e,V`, `line 2: lang is "e": must be a language tag of BCP 47, such as "en" or "pt-BR", or "und"`},
		"control character": {"A,\"T\nU\",2,EUR,https://a.example,,,,,,,", `line 2: title is "T\nU": must be UTF-8 without control characters`},
		"no id, no title":   {`,,2,EUR,https://a.example,,,,,,,`, "line 2: id is missing: must be 1 to 50 bytes of text without control characters\nline 2: title is missing: must have a text in at least one language"},
		"quote in a cell":   {"A,7\" T,2,EUR,https://a.example,,,,,,,\nB,T,x,EUR,https://a.example,,,,,,,", `line 2: title cannot be read: bare " in non-quoted-field: a cell with a quote must stand in quotes, and its quotes be doubled` + "\n" + `line 3: price is "x": ` + euros},
		"quote without end": {`A,"T,2,EUR,https://a.example,,,,,,,`, `line 2: title cannot be read: extraneous or missing " in quoted-field: a cell with a quote must stand in quotes, and its quotes be doubled`},
		"too many cells":    {`A,T,2,EUR,https://a.example,,,,,,,,,",`, `line 2 cannot be read: extraneous or missing " in quoted-field: a cell with a quote must stand in quotes, and its quotes be doubled`},
		"few cells":         {"\n ,\nA,T,2", "line 4 has 3 cells: must have 12, as the header has"},
		"twice":             {"A,T,2,EUR,https://a.example,,,,,,,\n\nA,T,2,EUR,https://a.example,,,,,,,\nA,,2,EUR,https://a.example,,,,,,,", "line 4: id is \"A\", as in line 2: must be different for each product\nline 5: title is missing: must have a text in at least one language\nline 5: id is \"A\", as in line 2: must be different for each product"},
		"long value":        {`A,T,` + strings.Repeat("λ", 40) + `,EUR,https://a.example,,,,,,,`, `line 2: price is "` + strings.Repeat("λ", 24) + `"…: ` + euros},
		"long row":          {"A," + strings.Repeat("x", feed.MaxRow) + ",2,EUR,https://a.example,,,,,,,\nB", "line 2 is too long: a row must have at most 65536 bytes: a quote may lack its end"},
		"longer row":        {"\nA,\"" + strings.Repeat("x\n", feed.MaxRow) + "\n", "line 2 is too long: a row must have at most 65536 bytes: a quote may lack its end"},
	})
}

func TestHeaderFaults(t *testing.T) {
	testFaults(t, "a.csv", "", map[string]faultCase{
		"unknown column": {"id,title,price,currency,link,reduced,\n", `line 1: header has "reduced": must be of id title price currency link variant was avail stock image gtin lang`},
		"column twice":   {"id,title,price,currency,link,price\n", `line 1: header has "price" twice: must have each column once`},
		"quote":          {"id,ti\"tle\n", `line 1 cannot be read: bare " in non-quoted-field: a cell with a quote must stand in quotes, and its quotes be doubled`},
		"too long":       {strings.Repeat("id,", feed.MaxRow) + "\n", "line 1 is too long: a row must have at most 65536 bytes: a quote may lack its end"},
	})
	testFaults(t, "a.tsv", "", map[string]faultCase{
		"column twice": {"id\ttitle\tlink\tprice\timage link\tg:image_link\n", `line 1: header has "g:image_link" twice: must have each column once`},
	})
}

func TestGoogleFaults(t *testing.T) {
	testFaults(t, "a.tsv", googleHeader, map[string]faultCase{
		"comma":           {"A\tT\thttps://a.example\t24,99 EUR\t\t\t\t", `line 2: price is "24,99": must have a point before its decimals, and no other separator: 24.99`},
		"no currency":     {"A\tT\thttps://a.example\t24.99\t\t\t\t", `line 2: price is "24.99": ` + pairRule},
		"currency first":  {"A\tT\thttps://a.example\tEUR 24.99\t\t\t\t", `line 2: price is "EUR 24.99": ` + pairRule},
		"no price":        {"A\tT\thttps://a.example\t\t2.00 EUR\t\t\t", `line 2: price is missing: must have an amount in at least one currency`},
		"bad sale":        {"A\tT\thttps://a.example\t3.00 EUR\t2\t\t\t", `line 2: sale price is "2": ` + pairRule},
		"sale above":      {"A\tT\thttps://a.example\t3.00 EUR\t3.00 EUR\t\t\t", `line 2: sale price is "3.00 EUR": must be below price, which is 3.00 EUR`},
		"sale in dollars": {"A\tT\thttps://a.example\t3.00 EUR\t2.00 USD\t\t\t", `line 2: sale price is "2.00 USD": must be in the currency of price, which is EUR`},
		"availability":    {"A\tT\thttps://a.example\t3.00 EUR\t\tIn Store\t\t", `line 2: availability is "In Store": ` + availRule},
		"image":           {"A\tT\thttps://a.example\t3.00 EUR\t\t\t\thttp://a.example", `line 2: image_link is "http://a.example": ` + linkRule},
		"quote swallows":  {"A\t\"T\thttps://a.example\t3.00 EUR\nB\tT\thttps://a.example\t3.00 EUR\t\t\t\t\n", "line 2 has 2 cells: must have 8, as the header has"},
	})
}

func TestShopifyFaults(t *testing.T) {
	testFaults(t, "a.csv", shopHeader, map[string]faultCase{
		"no handle":      {",T,1,2.00,,,,,,", "line 2: Handle is missing: must be the product's handle, in each row"},
		"no title":       {"a,,1,2.00,,,,,,", "line 2: Title is missing: must have a text in at least one language"},
		"no SKU":         {"a,T,,2.00,,,,,,", "line 2: Variant SKU is missing: must be the variant's own: it becomes the product's id"},
		"no price":       {"a,T,1,,,,,,,", "line 2: Variant Price is missing: must have an amount in at least one currency"},
		"comma":          {"a,T,1,\"2,50\",\"3,50\",,,,,", "line 2: Variant Price is \"2,50\": must have a point before its decimals, and no other separator: 2.50\nline 2: Variant Compare At Price is \"3,50\": must have a point before its decimals, and no other separator: 3.50"},
		"stock":          {"a,T,1,2.00,,many,,,,", `line 2: Variant Inventory Qty is "many": must be an integer, 0 to 1000000000000`},
		"images":         {"a,T,1,2.00,,,http://a.example,,,\nb,T,2,2.00,,,,,,http://b.example", `line 2: Image Src is "http://a.example": ` + linkRule + "\n" + `line 3: Variant Image is "http://b.example": ` + linkRule},
		"barcode":        {"a,T,1,2.00,,,,4006381333932,,", `line 2: Variant Barcode is "4006381333932": must end in its check digit, which is 1`},
		"variant":        {"a,T,1,2.00,,,,," + strings.Repeat("x", 129) + ",", "line 2: Option1 Value has 129 characters: must be 1 to 128 characters"},
		"SKU twice":      {"a,T,1,2.00,,,,,,\na,,'1,2.00,,,,,,", `line 3: Variant SKU is "1", as in line 2: must be different for each product`},
		"row of no cell": {"a,T,1", "line 2 has 3 cells: must have 10, as the header has"},
	})
}

func TestXMLFaults(t *testing.T) {
	const start = "<rss xmlns:g=\"http://base.google.com/ns/1.0\"><channel>\n"
	item := func(rest string) string {
		return start + "<item>\n<g:id>A</g:id><title>T</title><link>https://a.example</link><g:price>1.00 EUR</g:price>" + rest + "</item></channel></rss>"
	}
	testFaults(t, "a.xml", "", map[string]faultCase{
		"DTD":           {"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss/>", "line 1 holds a DTD or an entity: must be XML without <!DOCTYPE> and the like"},
		"entity":        {item("<g:gtin>&a;</g:gtin>"), "line 3 is no XML: must be well-formed: invalid character entity &a;"},
		"encoding":      {`<?xml version="1.0" encoding="ISO-8859-1"?><rss/>`, `line 1 is in "ISO-8859-1": must be UTF-8: export the feed as such`},
		"version":       {`<?xml version="1.1"?><rss/>`, `line 1 is no XML: must be well-formed: xml: unsupported version "1.1"; only version 1.0 is supported`},
		"Atom":          {`<feed xmlns="http://www.w3.org/2005/Atom"/>`, `line 1 begins "feed": must be one feed of RSS 2.0, with the element rss around all`},
		"two roots":     {"<rss></rss>\n<rss></rss>", `line 2 begins "rss": must be one feed of RSS 2.0, with the element rss around all`},
		"no end":        {start + "<item>", "line 2 is no XML: must be well-formed: unexpected EOF"},
		"prefix":        {"<rss><channel>\n<item><g:id>A</g:id></item></channel></rss>", `line 2: id has a prefix that is not declared: rss must have xmlns:g="http://base.google.com/ns/1.0"`},
		"depth":         {start + strings.Repeat("<a>", 15), "line 2 is nested too deep: must have at most 16 elements within each other"},
		"depth in item": {item(strings.Repeat("<a>", 13) + strings.Repeat("</a>", 13)), `{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":100,"currency":"EUR"}],"link":"https://a.example"}`},
		"long item":     {item(strings.Repeat("<a></a>", feed.MaxRow/7)), "line 3 is too long: an item must have at most 65536 bytes"},
		"long tag":      {"<rss " + strings.Repeat("a='' ", feed.MaxRow/5) + "/>", "line 1 is too long: an item must have at most 65536 bytes"},
		"twice":         {item("<g:id>B</g:id>"), "line 3: id is there twice: must be one in each item"},
		"price":         {item("<g:sale_price>0,99 EUR</g:sale_price>"), `line 2: sale_price is "0,99": must have a point before its decimals, and no other separator: 0.99`},
		"other name":    {start + "<item><g:id>A</g:id><g:title>T</g:title><title>U</title><id>B</id></item></channel></rss>", "line 2: price is missing: must have an amount in at least one currency\nline 2: link is missing: " + linkRule},
		"ids": {
			strings.Replace(item(""), "</channel>", "\n<item><title>T</title><g:id>A</g:id><link>https://a.example</link><g:price>1 EUR</g:price></item></channel>", 1),
			`line 4: id is "A", as in line 2: must be different for each product`,
		},
	})
}

func TestJSONFaults(t *testing.T) {
	const a = `{"id":"A","title":[{"lang":"en","text":"T"}],"price":[{"amount":1,"currency":"EUR"}],"link":"https://a.example"}`
	const end = "is the end of the file: an array must end in ]"
	long := strings.Repeat(" ", feed.MaxRow)
	testFaults(t, "a.json", "", map[string]faultCase{
		"float":            {"[\n" + strings.Replace(a, ":1,", ":24.99,", 1) + "]", `line 2: price[0].amount is "24.99": must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000`},
		"not a product":    {"[\n1]", `line 2: product is "1": must be a JSON object`},
		"ids of an array":  {"[\n" + a + ",\n\n" + a + "]", `line 4: id is "A", as in line 2: must be different for each product`},
		"ids of lines":     {a + "\n\n" + a, `line 3: id is "A", as in line 1: must be different for each product`},
		"broken line":      {"{\"id\"\n{}x\n" + a, "line 1: product is \"{\\\"id\\\"\": must be a JSON object\nline 2: product has something behind it: must be one JSON object"},
		"no comma":         {"[" + a + "\n" + a + "]", "line 2 lacks a comma: must have one between products"},
		"comma at the end": {"[" + a + ",\n]", "line 2 is no JSON: invalid character ']' looking for beginning of value"},
		"comma only":       {"[" + a + ",", "line 1 " + end},
		"no end":           {"[" + a, "line 1 " + end},
		"no end of one":    {"[\n{\"id\":", "line 2 " + end},
		"broken":           {"[" + a + ",\n{\"id\":\n\"A\" \"B\"}]", "line 3 is no JSON: invalid character '\"' after object key:value pair"},
		"behind":           {"[]\n\n[]", "line 3 has something behind the array: must be JSON: an array of products, or one product in each line"},
		"large":            {"{" + strings.Repeat(" ", overlay.MaxProduct) + "}", "line 1: product has 15362 bytes as JSON: must have at most 15360"},
		"long line":        {"{" + long + "}", "line 1 is too long: a product must have at most 65536 bytes"},
		"long element":     {"[{" + long + "}]", "line 1 is too long: a product must have at most 65536 bytes"},
		"element too long": {"[{" + long[1:] + "}]", "line 1 is too long: a product must have at most 65536 bytes"},
	})
}

func TestMostProducts(t *testing.T) {
	files := map[string]struct{ header, row, end string }{
		"a.csv":  {"id,title,price,currency,link\n", "%d,T,2,EUR,https://a.example\n", ""},
		"a.tsv":  {"id\ttitle\tprice\tlink\n", "%d\tT\t2 EUR\thttps://a.example\n", ""},
		"s.csv":  {"Handle,Title,Variant SKU,Variant Price\n", "h,T,%d,2\n", ""},
		"a.json": {"[\n", `{"id":"%d","title":[{"lang":"en","text":"T"}],"price":[{"amount":1,"currency":"EUR"}],"link":"https://a.example"}` + ",\n", "1]"},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(f.header)
			for i := range overlay.MaxProducts {
				fmt.Fprintf(&b, f.row, i)
			}
			if name == "a.csv" {
				products, err := feed.Read(name, strings.NewReader(b.String()), shop())
				if err != nil || len(products) != overlay.MaxProducts {
					t.Errorf("got %d products, %v", len(products), err)
				}
			}
			if f.end == "" {
				fmt.Fprintf(&b, f.row+f.row, overlay.MaxProducts, overlay.MaxProducts+1)
			}
			b.WriteString(f.end)
			if got, want := read(t, name, b.String(), shop()), "line 10002 holds product 10001: a file must have at most 10000"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestMostRowsAndFaults(t *testing.T) {
	file := shopHeader + strings.Repeat("a,,,,,,,,,https://a.example\n", feed.MaxRows)
	if got := read(t, "a.csv", file, shop()); got != "" {
		t.Errorf("got %q", got)
	}
	if got, want := read(t, "a.csv", file+"a,,,,,,,,,https://a.example\n", shop()), "line 100002 is row 100001: a table must have at most 100000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	said := strings.Split(read(t, "a.csv", ownHeader+strings.Repeat("A\n", feed.MaxFaults), shop()), "\n")
	if len(said) != feed.MaxFaults || said[99] != "line 101 has 1 cells: must have 12, as the header has" {
		t.Errorf("got %d faults, the last %q", len(said), said[len(said)-1])
	}
	said = strings.Split(read(t, "a.csv", ownHeader+strings.Repeat("A\n", feed.MaxFaults+7), shop()), "\n")
	if len(said) != feed.MaxFaults+1 || said[100] != "7 more are not told: mend these first" {
		t.Errorf("got %d faults, the last %q", len(said), said[len(said)-1])
	}
}
