package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Role is what a token of the API is good for.
type Role uint8

// The roles.
const (
	Reader  Role = iota // "read": sees everything
	Creator             // "stream:ID": sees and changes the overlays and products of one stream
	Admin               // "admin": everything
)

// Token lets a program or a person use the API.
type Token struct {
	Name   string // [A-Za-z0-9_-]{1,64}, who has it
	Token  Secret // 22 to 128 characters, from token or token_file
	Role   Role   //
	Stream string // of a Creator: a stream of this file
}

// Catalog is a file of products.
type Catalog struct {
	File     string // path
	Format   string // json, csv, google-tsv, google-xml or shopify; "": found by the file itself
	Shop     string // https address of the shop; needed for shopify, whose files hold no links
	Currency string // ISO 4217, of prices whose currency the file does not tell
	Lang     string // BCP 47, of texts whose language the file does not tell
}

// View is what a destination may see of overlay states.
type View struct {
	Currency string            // ISO 4217; "": each product's first price
	Locale   string            // BCP 47; "": each product's first title
	Link     map[string]string // query parameters for each product link, at most 16
	Hide     []string          // members of a product that it does not get
}

// The words of overlays.
var (
	carriages      = []string{"off", "sei", "amf", "sei+amf"}
	productFormats = []string{"json", "csv", "google-tsv", "google-xml", "shopify"}
	hidden         = []string{"variant", "price", "was", "avail", "stock", "image", "gtin", "lang"}
)

// Bounds of what views and catalogs hold.
const (
	maxLinkParameters = 16
	maxLinkParameter  = 256 // characters of its name, and of its value
	maxCatalogFile    = 16 << 20
	maxTokens         = 256
)

const tokenHint = "make one with: openssl rand -base64 24"

// tokens reads the list of the API's tokens.
func (r *reader) tokens(c *Config) func(value) {
	return func(v value) {
		for _, item := range r.items(v, "a list of tokens (lines of - name: …)", maxTokens) {
			c.Tokens = append(c.Tokens, r.token(item))
		}
	}
}

// items gives the entries of a list, each with its place in the path.
func (r *reader) items(v value, want string, most int) []value {
	list, ok := v.node.(*ast.SequenceNode)
	switch {
	case v.node.Type() == ast.NullType:
		return nil
	case !ok:
		r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, v.kind()), "")
		return nil
	case len(list.Values) > most:
		r.fault(v.place(), v.path, fmt.Sprintf("%d entries, more than %d", len(list.Values), most), "")
		return nil
	}
	items := make([]value, 0, len(list.Values))
	for i, n := range list.Values {
		item := value{path: fmt.Sprintf("%s.%d", v.path, i+1), key: start(n), node: n}
		r.at[item.path] = item.key
		items = append(items, item)
	}
	return items
}

func (r *reader) token(v value) Token {
	var t Token
	r.section(v, fields{
		"name":       r.tokenName(&t.Name),
		"token":      r.secret(&t.Token, "the token", checkToken),
		"token_file": r.keyFile(&t.Token, checkToken),
		"role":       r.role(&t),
	})
	if r.faulty(v.path) {
		return t
	}
	r.bothTokens(v)
	for _, need := range []struct{ key, hint string }{
		{"name", "name who has it"}, {"role", "write admin, read, or stream:ID"},
	} {
		if !r.has(v.path + "." + need.key) {
			r.fault(v.place(), v.path, need.key+" is missing", need.hint)
		}
	}
	r.noToken(v)
	return t
}

// bothTokens finds a token that is told twice, noToken one that is not.
func (r *reader) bothTokens(v value) {
	if r.has(v.path+".token") && r.has(v.path+".token_file") {
		r.fault(r.at[v.path+".token_file"], v.path+".token_file", "token and token_file are both set", "keep one of the two")
	}
}

func (r *reader) noToken(v value) {
	if !r.has(v.path+".token") && !r.has(v.path+".token_file") {
		r.fault(v.place(), v.path, "token is missing", tokenHint)
	}
}

func (r *reader) tokenName(dst *string) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, "a name")
		if ok && !isName(s.text) {
			r.fault(v.place(), v.path, s.String()+" is no name", "use 1 to 64 letters, digits, - and _")
			return
		}
		*dst = s.text
	}
}

// role reads admin, read, or stream:ID.
func (r *reader) role(t *Token) func(value) {
	const want = "admin, read, or stream:ID"
	return func(v value) {
		s, ok := r.scalar(v, want)
		stream, of := strings.CutPrefix(s.text, "stream:")
		switch {
		case !ok:
		case s.text == "admin":
			t.Role = Admin
		case s.text == "read":
			t.Role = Reader
		case of && isName(stream):
			t.Role, t.Stream = Creator, stream
		default:
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
		}
	}
}

// checkToken checks a token of the API.
func checkToken(token string) (msg, hint string) {
	switch n := len(token); {
	case !only(token, isVisible):
		return "a token may not hold spaces, nor characters beyond ASCII: it is sent in a header of HTTP", tokenHint
	case n < minStreamKey:
		return fmt.Sprintf("%d characters: a token needs at least %d, so that nobody guesses it", n, minStreamKey), tokenHint
	case n > maxStreamKey:
		return fmt.Sprintf("%d characters: a token has at most %d", n, maxStreamKey), tokenHint
	}
	return "", ""
}

// tokensAsWhole checks what tokens say together, and with the streams.
func (r *reader) tokensAsWhole(c *Config) {
	owner, keys := make(map[string]int), make(map[string]string)
	for id, s := range c.Streams {
		if s.Key.Reveal() != "" {
			keys[s.Key.Reveal()] = "the key of streams." + id
		}
	}
	for i, t := range c.Tokens {
		path := fmt.Sprintf("tokens.%d", i+1)
		if first, taken := owner[t.Name]; taken && t.Name != "" {
			r.fault(r.at[path+".name"], path+".name", fmt.Sprintf("the same name as tokens.%d", first), "the log tells tokens apart by their names")
		}
		owner[t.Name] = i + 1
		at := path + ".token"
		if !r.has(at) {
			at += "_file"
		}
		if other, taken := keys[t.Token.Reveal()]; taken {
			r.fault(r.at[at], at, "the same as "+other, tokenHint)
		} else if t.Token.Reveal() != "" {
			keys[t.Token.Reveal()] = path
		}
		if _, known := c.Streams[t.Stream]; t.Role == Creator && !known {
			hint := "write the id of a stream in this file"
			if near, ok := nearest(t.Stream, byLine(r, "streams", c.Streams)); ok {
				hint = "did you mean stream:" + near + "?"
			}
			r.fault(r.at[path+".role"], path+".role", "no stream of this file has that id", hint)
		}
	}
}

// catalog reads a path, or a section with one.
func (r *reader) catalog(dst **Catalog) func(value) {
	return func(v value) {
		c := &Catalog{}
		at := v
		switch v.kind() {
		case "nothing":
			return
		case "a section":
			r.section(v, fields{
				"file":     func(v value) { at = v; r.path(&c.File)(v) },
				"format":   r.word(&c.Format, productFormats),
				"shop":     r.shop(&c.Shop),
				"currency": r.currency(&c.Currency),
				"lang":     r.language(&c.Lang),
			})
			if !r.has(v.path+".file") && !r.faulty(v.path) {
				r.fault(v.place(), v.path, "file is missing", "name the file of products")
				return
			}
		default:
			r.path(&c.File)(v)
		}
		if !r.faulty(at.path) && !r.faulty(v.path) {
			if _, ok := r.content(at.place(), at.path, c.File, maxCatalogFile); ok {
				*dst = c
			}
		}
	}
}

// word is choice for a value that stays text.
func (r *reader) word(dst *string, words []string) func(value) {
	return func(v value) {
		i := uint8(len(words))
		choice(r, &i, words)(v)
		if int(i) < len(words) {
			*dst = words[i]
		}
	}
}

func (r *reader) shop(dst *string) func(value) {
	const want = "the shop's address, such as https://shop.example.com"
	return func(v value) {
		s, ok := r.scalar(v, want)
		if !ok {
			return
		}
		u, err := url.Parse(s.text)
		if err != nil || u.Scheme != "https" || u.Host == "" || len(s.text) > maxURL {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = s.text
	}
}

func (r *reader) currency(dst *string) func(value) {
	const want = "a currency of ISO 4217, such as EUR"
	return func(v value) {
		s, ok := r.scalar(v, want)
		if ok && (len(s.text) != 3 || !only(s.text, func(c byte) bool { return c >= 'A' && c <= 'Z' })) {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = s.text
	}
}

func (r *reader) language(dst *string) func(value) {
	const want = "a language tag of BCP 47, such as en or pt-BR"
	return func(v value) {
		s, ok := r.scalar(v, want)
		if !ok {
			return
		}
		for i, part := range strings.Split(s.text, "-") {
			if part == "" || len(part) > 8 || i == 0 && len(part) < 2 || !only(part, isAlphanumeric) {
				r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
				return
			}
		}
		*dst = s.text
	}
}

func (r *reader) view(dst **View) func(value) {
	return func(v value) {
		w := &View{}
		*dst = w
		r.section(v, fields{
			"currency": r.currency(&w.Currency),
			"locale":   r.language(&w.Locale),
			"link":     r.linkParameters(&w.Link),
			"hide":     r.hide(&w.Hide),
		})
	}
}

// linkParameters reads the query parameters of product links.
func (r *reader) linkParameters(dst *map[string]string) func(value) {
	return func(v value) {
		parameters := make(map[string]string)
		for name, child := range r.entries(v) {
			s, ok := r.scalar(child, "text")
			switch {
			case !ok:
			case !isParameter(name) || name == "" || !isParameter(s.text):
				r.fault(child.key, v.path, "a parameter with a control character, without a name, or of more than 256 characters", "")
			default:
				parameters[name] = s.text
			}
		}
		if len(parameters) > maxLinkParameters {
			r.fault(v.place(), v.path, fmt.Sprintf("%d parameters, more than %d", len(parameters), maxLinkParameters), "")
		}
		*dst = parameters
	}
}

func isParameter(s string) bool {
	return len(s) <= maxLinkParameter && only(s, func(c byte) bool { return c >= ' ' && c != 0x7f })
}

// hide reads the members of a product that a view leaves out.
func (r *reader) hide(dst *[]string) func(value) {
	return func(v value) {
		for _, item := range r.items(v, "a list such as [stock]", len(hidden)) {
			var member string
			r.word(&member, hidden)(item)
			if member != "" && slices.Contains(*dst, member) {
				r.fault(item.place(), item.path, "named twice", "keep one of the two")
			}
			*dst = append(*dst, member)
		}
	}
}
