package feed_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/overlay/feed"
)

func FuzzTable(f *testing.F) {
	for name, format := range map[string]feed.Format{
		"own.csv": feed.CSV, "google.tsv": feed.GoogleTSV, "shopify.csv": feed.Shopify, "google.xml": feed.Auto,
	} {
		f.Add(uint8(format), file(f, name))
	}
	f.Fuzz(func(t *testing.T, format uint8, data []byte) { check(t, feed.Format(format)%(feed.Shopify+1), data) })
}

func FuzzXML(f *testing.F) {
	f.Add(file(f, "google.xml"))
	f.Fuzz(func(t *testing.T, data []byte) { check(t, feed.GoogleXML, data) })
}

func FuzzJSON(f *testing.F) {
	f.Add(file(f, "products.json"))
	f.Add(file(f, "products.jsonl"))
	f.Fuzz(func(t *testing.T, data []byte) { check(t, feed.JSON, data) })
}

// file gives a golden file.
func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// check reads a file: there are products that are valid and different, or faults that can be told. The products come back
// from their JSON as they are.
func check(t *testing.T, format feed.Format, data []byte) {
	o := shop()
	o.Format = format
	products, err := feed.Read("", bytes.NewReader(data), o)
	if err != nil {
		var faults overlay.Faults
		if products != nil || !errors.As(err, &faults) || len(faults) == 0 || len(faults) > feed.MaxFaults+1 {
			t.Fatalf("got %d products, error %v", len(products), err)
		}
		for _, fault := range faults {
			if fault.Field == "" || fault.Fault == "" || fault.Rule == "" {
				t.Errorf("got the fault %+v", fault)
			}
		}
		return
	}
	var lines bytes.Buffer
	ids := map[string]bool{}
	for _, p := range products {
		if err := p.Validate(); err != nil || ids[p.ID] {
			t.Errorf("got %s, error %v", p.JSON(), err)
		}
		ids[p.ID] = true
		lines.Write(append(p.JSON(), '\n'))
	}
	if len(products) == 0 {
		return
	}
	again, err := feed.Read("", &lines, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(products, again); diff != "" {
		t.Error(diff)
	}
}
