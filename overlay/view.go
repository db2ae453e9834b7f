package overlay

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// View is what one output may see of a state. The zero value is the neutral view: each product's first price and title, and
// everything shown. It must not change while it is used.
type View struct {
	Currency string            // ISO 4217; empty: each product's first price
	Locale   string            // BCP 47; empty: each product's first title
	Link     map[string]string // query parameters for each product link, which replace those of the same name
	Hide     Fields            // members that this output does not get
}

// Fields is a set of members of a product.
type Fields uint8

// The members that a view may hide.
const (
	FieldVariant Fields = 1 << iota
	FieldPrice
	FieldWas
	FieldAvail
	FieldStock
	FieldImage
	FieldGTIN
	FieldLang
)

var fieldNames = [...]string{"variant", "price", "was", "avail", "stock", "image", "gtin", "lang"}

// ParseField reads a member's name, as the configuration has it.
func ParseField(name string) (Fields, error) {
	if i := slices.Index(fieldNames[:], name); i >= 0 {
		return 1 << i, nil
	}
	return 0, &Fault{"hide", "is " + quote(name), "must be one of " + strings.Join(fieldNames[:], " ")}
}

// Validate gives [Faults] where the view cannot be used.
func (v *View) Validate() error {
	var fs Faults
	if v.Currency != "" && !IsCurrency(v.Currency) {
		fs = append(fs, &Fault{"currency", "is " + quote(v.Currency), "must be a code of ISO 4217 in upper case"})
	}
	if v.Locale != "" && !isLanguage(v.Locale) {
		fs = append(fs, &Fault{"locale", "is " + quote(v.Locale), `must be a language tag of BCP 47, such as "en" or "pt-BR"`})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Link)) {
		if name == "" || !isPlain(name) || !isPlain(v.Link[name]) {
			fs = append(fs, &Fault{"link", "has " + quote(name) + ": " + quote(v.Link[name]), "must be query parameters without control characters"})
			break
		}
	}
	return fs.orNil()
}

// Counts is what a view could not give of a state, in cards.
type Counts struct {
	NoPrice   int // the product lacks the currency, so that the price is hidden
	OtherLang int // the product lacks the locale, so that the title has another language
	Shortened int // members were left out, or the title cut, to fit
	NoParams  int // the link parameters were left out, to fit
	NoMeta    int // the text of the caller's own was left out, to fit
	Dropped   int // the card was left out: it cannot fit
}

// Shown is a state as one view sees it. It is immutable, and good for every frame that carries the state.
type Shown struct {
	Counts Counts

	stream string
	seq    int64
	at     int64 // ticks
	late   bool
	show   []byte // the list of cards
	meta   []byte // the member; empty: none
}

// Apply gives what v shows of s. It depends on nothing else: the caller keeps the result for as long as the state lasts.
func (v *View) Apply(s *State) *Shown {
	w := &Shown{stream: s.Stream, seq: s.Seq, at: s.At.Ticks(wireClock), late: s.Late}
	cards := make([]wireCard, 0, len(s.Cards))
	for i := range s.Cards {
		c := wireCard{Card: &s.Cards[i], wireProduct: v.product(s.Cards[i].Product, &w.Counts)}
		if !c.fit(MaxWireProduct) {
			w.Counts.Dropped++
			continue
		}
		cards = append(cards, c)
	}
	cards = w.squeeze(cards)
	for i := range cards {
		w.Counts.Shortened += count(cards[i].shortened)
		w.Counts.NoParams += count(cards[i].plain)
	}
	w.show = appendCards(nil, cards)
	w.meta = appendMeta(nil, s.Meta)
	if len(w.show)+len(w.meta) > w.budget() {
		w.meta, w.Counts.NoMeta = nil, 1
	}
	return w
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// product resolves p for the view: one price, one language, no hidden members.
func (v *View) product(p *Product, counts *Counts) wireProduct {
	w := wireProduct{id: p.ID, base: p.Link, link: addParams(p.Link, v.Link), avail: p.Avail, stock: p.Stock, gtin: p.GTIN}
	title, exact := pick(p.Title, v.Locale)
	counts.OtherLang += count(!exact)
	w.title, w.lang = cut(title.Text, MaxWireTitle, MaxStateBytes), title.Lang
	w.shortened = w.title != title.Text
	if len(p.Variant) > 0 {
		variant, _ := pick(p.Variant, title.Lang)
		w.variant = cut(variant.Text, MaxWireVariant, MaxStateBytes)
		w.shortened = w.shortened || w.variant != variant.Text
	}
	if len(p.Image) <= MaxWireLink {
		w.image = p.Image
	} else {
		w.shortened = true
	}
	currency := v.Currency
	if currency == "" {
		currency = p.Price[0].Currency
	}
	var priced bool
	w.price, priced = inCurrency(p.Price, currency)
	counts.NoPrice += count(!priced)
	w.was, _ = inCurrency(p.Was, currency)
	w.hide(v.Hide)
	return w
}

// pick finds the text for a locale: that of the same tag, of a less special one, of the same language elsewhere, the first.
// exact says that the language is the one that was asked for.
func pick(texts []Text, locale string) (t Text, exact bool) {
	if locale == "" {
		return texts[0], true
	}
	for tag := locale; tag != ""; {
		for _, t := range texts {
			if strings.EqualFold(t.Lang, tag) {
				return t, true
			}
		}
		tag = tag[:max(strings.LastIndexByte(tag, '-'), 0)]
	}
	language, _, _ := strings.Cut(locale, "-")
	for _, t := range texts {
		if other, _, _ := strings.Cut(t.Lang, "-"); strings.EqualFold(other, language) {
			return t, true
		}
	}
	return texts[0], false
}

// addParams adds query parameters to a link and takes out those of the same name; the rest of the link, with its fragment,
// stays byte for byte.
func addParams(link string, params map[string]string) string {
	if len(params) == 0 {
		return link
	}
	rest, fragment, fragmented := strings.Cut(link, "#")
	path, query, _ := strings.Cut(rest, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if _, replaced := params[name]; !replaced && pair != "" {
			pairs = append(pairs, pair)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(params[name]))
	}
	link = path + "?" + strings.Join(pairs, "&")
	if fragmented {
		link += "#" + fragment
	}
	return link
}

// budget is what the cards and the text may have on the wire, in bytes.
func (w *Shown) budget() int {
	return MaxWireState - len(w.appendHead(nil, maxTime, true, 1<<32-1)) - len("}")
}

// squeeze makes the cards fit one state: members go from the largest product first, then the link parameters, then cards
// from the last.
func (w *Shown) squeeze(cards []wireCard) []wireCard {
	budget := w.budget()
	for over := len(appendCards(nil, cards)) - budget; over > 0; over = len(appendCards(nil, cards)) - budget {
		largest := slices.MaxFunc(cards, func(a, b wireCard) int { return a.size() - b.size() })
		i := slices.IndexFunc(cards, func(c wireCard) bool { return c.Card == largest.Card })
		if !cards[i].fit(cards[i].size() - over) {
			cards = slices.Delete(cards, len(cards)-1, len(cards))
			w.Counts.Dropped++
		}
	}
	return cards
}
