package overlay

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCut(t *testing.T) {
	const (
		family = "👩\u200d👩\u200d👧\u200d👦" // 7 code points, 25 bytes
		skin   = "👍🏽"
		greek  = "🇬🇷"
		wales  = "🏴\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073\U000E007F"
	)
	const far = 1 << 20
	tests := map[string]struct {
		in          string
		runes, size int
		want        string
	}{
		"all fits":                   {"abc", 3, 3, "abc"},
		"code points":                {"abc", 2, far, "ab"},
		"bytes":                      {"λλλ", far, 5, "λλ"},
		"escapes count":              {`a"b`, far, 3, `a"`},
		"accent":                     {"xe\u0323", 2, far, "x"},
		"Arabic vowels":              {"فُسْتان", 3, far, "فُ"},
		"Arabic number sign":         {"a\u0600\u0661", 2, far, "a"},
		"family":                     {"a" + family + "b", 7, far, "a"},
		"family fits":                {"a" + family + "b", 8, far, "a" + family},
		"skin tone":                  {"a" + skin, 2, far, "a"},
		"flags":                      {greek + greek, 3, far, greek},
		"half a flag":                {"a" + greek, 2, far, "a"},
		"flag of tags":               {"a" + wales, 6, far, "a"},
		"variation selector":         {"a❤\ufe0f", 2, far, "a"},
		"Devanagari":                 {"aक्षि", 3, far, "a"},
		"Hangul parts":               {"a\u1112\u1161\u11ab", 3, far, "a"},
		"Hangul syllable and tail":   {"a\uac00\u11a8", 2, far, "a"},
		"Hangul tails":               {"a\uac01\u11a8", 2, far, "a"},
		"Hangul syllables are apart": {"\uac00\uac00", 1, far, "\uac00"},
		"joiner between letters":     {"ab\u200dcd", 3, far, "ab\u200d"},
		"the first does not fit":     {family, 3, far, "👩\u200d👩"},
		"nothing fits":               {"λ", far, 1, ""},
		"not UTF-8":                  {"a\xffb", 2, far, "a\xff"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := cut(tt.in, tt.runes, tt.size); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCutKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		runes, size := rapid.IntRange(0, 20).Draw(t, "runes"), rapid.IntRange(0, 60).Draw(t, "size")
		got := cut(s, runes, size)
		if !strings.HasPrefix(s, got) || utf8.RuneCountInString(got) > runes || len(appendString(nil, got))-2 > size {
			t.Fatalf("got %q of %q", got, s)
		}
	})
}

func TestStringsAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		data := appendString(nil, s)
		var got string
		if err := json.Unmarshal(data, &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") {
			t.Fatalf("%s: got %q, %v, want %q", data, got, err, s)
		}
	})
	if got, want := string(appendString(nil, "a\"\\\n\u2028</b>")), `"a\"\\\u000a\u2028</b>"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := quote(strings.Repeat("λ", 100)); utf8.RuneCountInString(got) > 60 {
		t.Errorf("got %s, want it cut", got)
	}
}

func TestLimiter(t *testing.T) {
	var l limiter
	now := epoch
	for i := range changeBurst {
		if wait := l.take(now); wait != 0 {
			t.Fatalf("change %d: got %v, want it taken", i, wait)
		}
	}
	if got := l.take(now); got != changeInterval {
		t.Errorf("got %v, want %v", got, changeInterval)
	}
	now = now.Add(changeInterval)
	if got := l.take(now); got != 0 {
		t.Errorf("got %v, want it taken", got)
	}
	if got := l.take(now); got != changeInterval {
		t.Errorf("got %v, want %v", got, changeInterval)
	}
}
