package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestSampleIsDefault(t *testing.T) {
	for name, text := range map[string]string{
		"sample":       Sample,
		"no comments":  regexp.MustCompile(`(?m)^#.*$|\s+#.*$`).ReplaceAllString(Sample, ""),
		"empty":        "",
		"comment only": "# nothing\n",
		"separator":    "---\n",
		"empty parts":  "rtmp:\nrtmps:\nhttp:\nmetrics:\nlog:\nlimits:\nstreams:\n",
		"byte order":   "\ufeffdrain: 10s\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("sample.yaml", []byte(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Default(), got); diff != "" {
				t.Errorf("differs from the defaults (-want +got):\n%s", diff)
			}
		})
	}
}

// The sample's example has every key, and works.
func TestSampleExample(t *testing.T) {
	dir := t.TempDir()
	ca, _ := certificate(t)
	write(t, dir, "partner-ca.crt", ca)
	write(t, dir, "keys/tiktok", "abc\n")
	write(t, dir, "products.csv", "id\n")
	env := func(name string) (string, bool) { return name + "-" + anyKey, true }
	c, err := Parse(dir+"/simulcart.yaml", []byte(example(Sample)), env)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Streams["maria"].Destinations
	if got, want := d["partner"].Key.Reveal(), "PARTNER_KEY-"+anyKey; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	if d["tiktok"].Platform != TikTok || d["partner"].Enhanced == nil || d["partner"].TLS.CA == "" {
		t.Errorf("got %+v", d)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

// Every field of Config is a key of the sample, so that none goes without a comment.
func TestSampleHasEveryKey(t *testing.T) {
	keys := []string{"key_file"}
	var collect func(reflect.Type)
	collect = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			if f.Name == "Warnings" || f.Name == "Files" {
				continue
			}
			keys = append(keys, snake(f.Name))
			e := f.Type
			if e.Kind() == reflect.Map {
				e = e.Elem()
			}
			if e == reflect.TypeFor[time.Time]() {
				continue
			}
			if e.Kind() == reflect.Struct && e != reflect.TypeFor[Secret]() {
				collect(e)
			}
		}
	}
	collect(reflect.TypeFor[Config]())
	for _, key := range keys {
		if !regexp.MustCompile(`(?m)^#? *(# )?` + key + `:.*#`).MatchString(strings.ReplaceAll(Sample, ":\n", ": #\n")) {
			t.Errorf("the sample has no %s", key)
		}
	}
	for _, p := range platforms {
		if !strings.Contains(Sample, p) {
			t.Errorf("the sample does not name the platform %s", p)
		}
	}
}

// snake turns UnauthenticatedPerIP into unauthenticated_per_ip.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && unicode.IsLower(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// example turns the sample's commented example into the file's streams.
func example(sample string) string {
	head, tail, _ := strings.Cut(sample, "streams: {}")
	_, tail, _ = strings.Cut(tail, "\n#\n")
	var b strings.Builder
	b.WriteString(head)
	for line := range strings.Lines(tail) {
		b.WriteString(strings.TrimPrefix(line, "#"))
	}
	return b.String()
}
