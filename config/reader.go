package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxFaults bounds what is reported of one file.
const maxFaults = 100

// reader walks the tree of one file and collects what is wrong with it.
type reader struct {
	file string
	dir  string                      // where relative paths start
	env  func(string) (string, bool) // the environment

	faults   Faults
	warnings Faults
	at       map[string]place // where each key that the file has stands, by dotted path
	files    map[string]bool  // the other files that were looked at
}

// place is a line and a column, both from 1.
type place struct{ line, column int }

// value is what stands behind a key.
type value struct {
	path string // dotted, "" for the whole file
	key  place
	node ast.Node
}

// fields are the keys of a section and their readers.
type fields map[string]func(value)

// scalar is a value that is no section and no list, with its variables replaced.
type scalar struct {
	text   string
	quoted bool
	env    bool // part of text comes from the environment: never print it
}

func at(t *token.Token) place { return place{max(t.Position.Line, 1), max(t.Position.Column, 1)} }

// start is where n begins. The token of a block map is its first colon, one of whose keys is what a reader looks for.
func start(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return at(m.Values[0].Key.GetToken())
	}
	return at(n.GetToken())
}

// place is where to point a reader at: the value where it stands on the key's line, else the key.
func (v value) place() place {
	p := start(v.node)
	if v.node.Type() == ast.NullType || v.node.Type() == ast.MappingType || p.line != v.key.line {
		return v.key
	}
	return p
}

// kind says what v is, in words.
func (v value) kind() string {
	switch n := v.node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return n.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	}
	return "text"
}

func (r *reader) fault(p place, key, msg, hint string) {
	switch n := len(r.faults); {
	case n < maxFaults:
		r.faults = append(r.faults, Fault{File: r.file, Line: p.line, Column: p.column, Key: key, Msg: msg, Hint: hint})
	case n == maxFaults:
		r.faults = append(r.faults, Fault{File: r.file, Line: p.line, Column: p.column, Msg: "more faults than are shown"})
	}
}

func (r *reader) warn(p place, key, msg, hint string) {
	if len(r.warnings) < maxFaults {
		r.warnings = append(r.warnings, Fault{File: r.file, Line: p.line, Column: p.column, Key: key, Msg: msg, Hint: hint})
	}
}

// faulty says whether the value at path was reported already.
func (r *reader) faulty(path string) bool {
	return slices.ContainsFunc(r.faults, func(f Fault) bool { return f.Key == path })
}

// has says whether the file has the key path.
func (r *reader) has(path string) bool {
	_, ok := r.at[path]
	return ok
}

// section reads the keys of v. An empty section means its defaults.
func (r *reader) section(v value, known fields) {
	for name, child := range r.entries(v) {
		if read, ok := known[name]; ok {
			read(child)
		} else {
			r.unknown(v, child, name, slices.Sorted(maps.Keys(known)))
		}
	}
}

// named reads the entries of v, whose keys are names that the operator chose.
func (r *reader) named(v value, read func(name string, child value)) {
	for name, child := range r.entries(v) {
		if isName(name) {
			read(name, child)
		} else {
			r.fault(child.key, v.path, shown(name)+" is no name", "use 1 to 64 letters, digits, - and _")
		}
	}
}

// entries gives each key of v once, in the file's order.
func (r *reader) entries(v value) func(yield func(string, value) bool) {
	return func(yield func(string, value) bool) {
		m, ok := v.node.(*ast.MappingNode)
		if !ok {
			if v.node.Type() != ast.NullType {
				r.fault(v.place(), v.path, "expected a section (lines of key: value), saw "+v.kind(), "")
			}
			return
		}
		seen := make(map[string]place)
		for _, e := range m.Values {
			name, key := unmark(e.Key.GetToken().Value), at(e.Key.GetToken())
			child := value{path: strings.TrimPrefix(v.path+"."+name, "."), key: key, node: e.Value}
			if first, again := seen[name]; again {
				r.again(v, child, name, first)
				continue
			}
			seen[name], r.at[child.path] = key, child.place()
			if !yield(name, child) {
				return
			}
		}
	}
}

// again reports a key that its section has already.
func (r *reader) again(v, child value, name string, first place) {
	path := child.path
	if !isShort(name) {
		path = v.path
	}
	r.fault(child.key, path, fmt.Sprintf("set twice, first on line %d", first.line), "remove one of the two")
}

// unknown reports a key that its section does not have, with the one that was likely meant. The key's name is left out
// where it could be a stream key at the wrong place: it is long, or stands without a value.
func (r *reader) unknown(v, child value, name string, known []string) {
	if near, ok := nearest(name, known); ok {
		r.fault(child.key, strings.TrimPrefix(v.path+"."+shownName(name), "."), "unknown key", "did you mean "+near+"?")
		return
	}
	hint := "known here: " + strings.Join(known, ", ")
	if !isShort(name) || child.node.Type() == ast.NullType {
		r.fault(child.key, v.path, "an unknown key", hint)
		return
	}
	r.fault(child.key, child.path, "unknown key", hint)
}

// scalar reads a value of one piece, and says what was expected where it is none.
func (r *reader) scalar(v value, want string) (scalar, bool) {
	var s scalar
	switch n := v.node.(type) {
	case *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, v.kind()), "")
		return s, false
	case *ast.LiteralNode:
		s.text, s.quoted = n.Value.Value, true
	default:
		t := n.GetToken()
		s.text, s.quoted = t.Value, t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
	}
	s.env = strings.Contains(s.text, "$"+openBrace) || strings.Contains(s.text, "${")
	text, msg, hint := expand(s.text, r.env)
	if msg != "" {
		r.fault(v.place(), v.path, msg, hint)
		return s, false
	}
	s.text = text
	return s, true
}

// plain is scalar for numbers, and true and false: in quotes they are text, but for variables, which may need quotes.
func (r *reader) plain(v value, want string) (scalar, bool) {
	s, ok := r.scalar(v, want)
	if ok && s.quoted && !s.env {
		r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw text in quotes", want), "remove the quotes")
		return s, false
	}
	return s, ok
}

func (r *reader) flag(dst *bool) func(value) {
	const want = "true or false"
	return func(v value) {
		s, ok := r.plain(v, want)
		if !ok {
			return
		}
		if s.text != "true" && s.text != "false" {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = s.text == "true"
	}
}

// number reads a whole number from lo to hi.
func (r *reader) number(dst *int, lo, hi int) func(value) {
	want := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	return func(v value) {
		s, ok := r.plain(v, want)
		if !ok {
			return
		}
		n, err := strconv.Atoi(s.text)
		if err != nil || n < lo || n > hi {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = n
	}
}

// duration reads a time span with its unit, up to most.
func (r *reader) duration(dst *time.Duration, most time.Duration) func(value) {
	want := fmt.Sprintf("a time from 0s to %gs", most.Seconds())
	return func(v value) {
		s, ok := r.scalar(v, want)
		if !ok {
			return
		}
		d, err := time.ParseDuration(s.text)
		if err == nil && d >= 0 && d <= most {
			*dst = d
			return
		}
		hint := ""
		if _, err := strconv.ParseFloat(s.text, 64); err == nil {
			hint = "add the unit, as in 10s or 100ms"
		}
		r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), hint)
	}
}

// choice reads one of words; dst becomes its index.
func choice[T ~uint8](r *reader, dst *T, words []string) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, list(words))
		if !ok {
			return
		}
		i := slices.Index(words, s.text)
		if i < 0 {
			hint := ""
			if near, ok := nearest(s.text, words); ok && !s.env {
				hint = "did you mean " + near + "?"
			}
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", list(words), s), hint)
			return
		}
		*dst = T(i)
	}
}

// optional reads a value whose absence means something of its own.
func optional[T any](dst **T, read func(*T) func(value)) func(value) {
	return func(v value) {
		*dst = new(T)
		read(*dst)(v)
	}
}

// String shows the value where it may be seen.
func (s scalar) String() string {
	if s.env {
		return "something else in the environment"
	}
	return shown(s.text)
}

// maxShown is the longest text that faults quote: one less than the shortest stream key, so that a key at the wrong
// place stays unseen.
const maxShown = 21

func isShort(s string) bool { return len(s) <= maxShown && isName(s) }

// shown quotes a text of the file where it is too short to be a stream key, else it gives its length.
func shown(s string) string {
	if len(s) <= maxShown {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("text of %d characters", utf8.RuneCountInString(s))
}

// shownName makes s fit for the dotted path of a fault.
func shownName(s string) string {
	if isName(s) {
		return s
	}
	return strconv.Quote(s)
}
