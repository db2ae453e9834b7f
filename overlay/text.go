package overlay

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// quote gives s for a message: quoted, and cut where it is long.
func quote(s string) string {
	const most = 48
	if len(s) > most {
		return strconv.QuoteToGraphic(cut(s, most, most)) + "…"
	}
	return strconv.QuoteToGraphic(s)
}

// isPlain says whether s is valid UTF-8 without control characters and line separators.
func isPlain(s string) bool {
	for _, r := range s {
		if r == 0x2028 || r == 0x2029 || unicode.IsControl(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// cut gives the longest start of s, in whole grapheme clusters, of at most runes code points and size bytes as a JSON string
// without its quotes. Where not even the first cluster fits, it is cut between code points.
func cut(s string, runes, size int) string {
	end, whole := 0, 0 // of what fits; of the clusters that fit
	var b boundary
	for i, r := range s {
		if b.before(r) {
			whole = i
		}
		runes--
		size -= jsonSize(r)
		if runes < 0 || size < 0 {
			if whole == 0 {
				return s[:end]
			}
			return s[:whole]
		}
		end = i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			end = i + 1
		}
	}
	return s
}

// boundary finds the boundaries between grapheme clusters, what a reader takes for one character (UAX #29 §3.1.1, extended,
// without the classes that only ancient scripts have).
type boundary struct {
	last     rune // 0: the text begins
	flags    int  // regional indicators in a row up to last
	pictured bool // the cluster holds a symbol, which a joiner may join to another
}

const (
	joiner    = 0x200D // ZERO WIDTH JOINER
	nonJoiner = 0x200C // ZERO WIDTH NON-JOINER
)

// before takes the next code point and says whether a cluster begins with it.
func (b *boundary) before(r rune) bool {
	breaks := b.last == 0 || b.breaks(r)
	if breaks {
		b.pictured = false
	}
	b.pictured = b.pictured || isPicture(r)
	if isFlag(r) {
		b.flags++
	} else {
		b.flags = 0
	}
	b.last = r
	return breaks
}

// breaks says whether there is a boundary between the last code point and r.
func (b *boundary) breaks(r rune) bool {
	switch last := b.last; {
	case isExtension(r), isPrefix(last): // GB9, GB9a, GB9b
		return false
	case last == joiner: // GB11
		return !b.pictured || !isPicture(r)
	case isLinker(last): // GB9c
		return !unicode.IsLetter(r)
	case isFlag(last) && isFlag(r): // GB12, GB13
		return b.flags%2 == 0
	}
	return !hangulJoins(b.last, r)
}

// isExtension tells code points that belong to the one before them: marks, joiners, variation selectors, skin tones, tags.
func isExtension(r rune) bool {
	return r >= 0x300 && (unicode.In(r, unicode.M) || r == joiner || r == nonJoiner ||
		r >= 0x1F3FB && r <= 0x1F3FF || r >= 0xE0020 && r <= 0xE007F || r == 0xFF9E || r == 0xFF9F)
}

// isPrefix tells code points that belong to the one behind them: Arabic and Syriac signs that enclose a number or word.
func isPrefix(r rune) bool {
	return r >= 0x600 && r <= 0x605 || r == 0x6DD || r == 0x70F || r == 0x890 || r == 0x891 || r == 0x8E2
}

// isPicture tells symbols, of which emoji are made.
func isPicture(r rune) bool {
	return r >= 0x203C && unicode.In(r, unicode.So, unicode.Po, unicode.Sm) || r == 0xA9 || r == 0xAE
}

func isFlag(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// isLinker tells the viramas that join the consonants of Indian scripts.
func isLinker(r rune) bool {
	switch r {
	case 0x94D, 0x9CD, 0xACD, 0xB4D, 0xC4D, 0xD4D:
		return true
	}
	return false
}

// hangulJoins applies GB6 to GB8: the parts of a Korean syllable stay together.
func hangulJoins(a, b rune) bool {
	leading := func(r rune) bool { return r >= 0x1100 && r <= 0x115F || r >= 0xA960 && r <= 0xA97C }
	vowel := func(r rune) bool { return r >= 0x1160 && r <= 0x11A7 || r >= 0xD7B0 && r <= 0xD7C6 }
	trailing := func(r rune) bool { return r >= 0x11A8 && r <= 0x11FF || r >= 0xD7CB && r <= 0xD7FB }
	syllable := func(r rune) bool { return r >= 0xAC00 && r <= 0xD7A3 }
	open := func(r rune) bool { return syllable(r) && (r-0xAC00)%28 == 0 }
	switch {
	case leading(a):
		return leading(b) || vowel(b) || syllable(b)
	case vowel(a), open(a):
		return vowel(b) || trailing(b)
	case trailing(a), syllable(a):
		return trailing(b)
	}
	return false
}

// jsonSize is the length of r within a JSON string as appendString writes it.
func jsonSize(r rune) int {
	switch {
	case r == '"' || r == '\\':
		return 2
	case r < 0x20 || r == 0x7F || r == 0x2028 || r == 0x2029:
		return 6
	case r == utf8.RuneError:
		return 3
	}
	return utf8.RuneLen(r)
}

// appendString appends s as a JSON string (RFC 8259 §7). Only what must be escaped is, so that sizes are as small as can be,
// and the two line separators that JavaScript used not to allow; bytes that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case jsonSize(r) == 6:
			dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
