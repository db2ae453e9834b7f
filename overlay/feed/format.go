package feed

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Format is a kind of file. The set is closed.
type Format uint8

// The formats.
const (
	Auto      Format = iota // found by the file's first bytes, header and name
	JSON                    // an array of products, or one product in each line, as [overlay.ParseProduct] reads them
	CSV                     // a table with our own field names
	GoogleTSV               // Google Merchant feed, columns apart by tabs
	GoogleXML               // Google Merchant feed, RSS 2.0
	Shopify                 // Shopify's product CSV
	formats
)

var formatNames = [formats]string{"auto", "json", "csv", "google-tsv", "google-xml", "shopify"}

// String gives the name, such as "google-tsv".
func (f Format) String() string {
	if f < formats {
		return formatNames[f]
	}
	return "unknown"
}

// MarshalText gives the name.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a name; the empty one is Auto.
func (f *Format) UnmarshalText(text []byte) error {
	at := slices.Index(formatNames[:], string(text))
	if at < 0 && len(text) > 0 {
		return fmt.Errorf("format is %s: must be one of %s", quote(string(text)), strings.Join(formatNames[:], " "))
	}
	*f = Format(max(at, 0))
	return nil
}

// detect finds the format of a file that is not empty. No table begins like JSON or XML, so that its first byte comes before
// its name.
func detect(name string, data []byte) Format {
	data = bytes.TrimSpace(data)
	switch data[0] {
	case '[', '{':
		return JSON
	case '<':
		return GoogleXML
	}
	extension := strings.ToLower(path.Ext(name))
	switch extension {
	case ".json", ".jsonl", ".ndjson":
		return JSON
	case ".xml":
		return GoogleXML
	case ".tsv":
		return GoogleTSV
	}
	header, _, _ := strings.Cut(string(data), "\n")
	switch {
	case strings.Contains(header, "\t") && extension != ".csv":
		return GoogleTSV
	case strings.Contains(header, "Handle") && strings.Contains(header, "Variant "):
		return Shopify
	}
	return CSV
}
