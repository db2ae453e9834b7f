package overlay

import (
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/media"
)

// wireClock is the rate of media times on the wire, in hertz.
const wireClock = 90000

// AppendJSON appends the message of the convention for a frame with the media time now: at most MaxWireState bytes, its
// members always in one order. A receiver that has the state already sees from at < now that it is a repeat.
func (w *Shown) AppendJSON(dst []byte, now media.Time) []byte {
	return w.appendTail(w.appendHead(dst, now, false, 0))
}

// AppendRTP is AppendJSON for data channels: rtp is the RTP timestamp of the frame at which the state begins, in the
// viewer's video.
func (w *Shown) AppendRTP(dst []byte, now media.Time, rtp uint32) []byte {
	return w.appendTail(w.appendHead(dst, now, true, rtp))
}

func (w *Shown) appendHead(dst []byte, now media.Time, withRTP bool, rtp uint32) []byte {
	dst = append(dst, `{"v":1,"stream":`...)
	dst = appendString(dst, w.stream)
	dst = appendInt(dst, `,"seq":`, w.seq)
	dst = appendInt(dst, `,"at":`, w.at)
	dst = appendInt(dst, `,"now":`, now.Ticks(wireClock))
	if w.late {
		dst = append(dst, `,"late":true`...)
	}
	if withRTP {
		dst = appendInt(dst, `,"rtp":`, int64(rtp))
	}
	return append(dst, `,"show":`...)
}

func (w *Shown) appendTail(dst []byte) []byte {
	return append(append(append(dst, w.show...), w.meta...), '}')
}

// appendMeta appends the member of a text of the caller's own.
func appendMeta(dst []byte, text string) []byte { return appendText(dst, `,"meta":`, text) }

// appendInt appends a member.
func appendInt(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

// appendText appends a member where there is a value.
func appendText(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(append(dst, name...), value)
}

func appendMoney(dst []byte, name string, m Money) []byte {
	if m.Currency == "" {
		return dst
	}
	dst = appendInt(append(dst, name...), `{"amount":`, m.Amount)
	return append(appendText(dst, `,"currency":`, m.Currency), '}')
}

// wireCard is a card on its way to the wire.
type wireCard struct {
	*Card
	wireProduct
}

// wireProduct is a product as one view shows it: an empty member is left out.
type wireProduct struct {
	id, title, variant string
	price, was         Money
	avail              Availability
	stock              *int64
	link, base         string // base without the view's parameters
	image, gtin, lang  string

	shortened bool // something was left out or cut
	plain     bool // the link parameters were left out
}

// hide empties members.
func (p *wireProduct) hide(fields Fields) {
	has := func(f Fields) bool { return fields&f != 0 }
	if has(FieldVariant) {
		p.variant = ""
	}
	if has(FieldPrice) {
		p.price, p.was = Money{}, Money{}
	}
	if has(FieldWas) {
		p.was = Money{}
	}
	if has(FieldAvail) {
		p.avail = AvailUnknown
	}
	if has(FieldStock) {
		p.stock = nil
	}
	if has(FieldImage) {
		p.image = ""
	}
	if has(FieldGTIN) {
		p.gtin = ""
	}
	if has(FieldLang) {
		p.lang = ""
	}
}

// fit leaves out what the size asks for, in the order of the convention: image, gtin, variant, was, the end of the title, and
// then the link parameters. It says whether the product fits; a link that is too long never does.
func (p *wireProduct) fit(size int) bool {
	if len(p.link) > MaxWireLink {
		p.dropParams()
	}
	if len(p.link) > MaxWireLink {
		return false
	}
	if p.size() <= size {
		return true
	}
	for _, member := range []*string{&p.image, &p.gtin, &p.variant} {
		if p.size() > size && *member != "" {
			*member, p.shortened = "", true
		}
	}
	if p.size() > size && p.was.Currency != "" {
		p.was, p.shortened = Money{}, true
	}
	p.shorten(size)
	if p.size() > size {
		p.dropParams()
	}
	return p.size() <= size
}

func (p *wireProduct) dropParams() {
	p.plain = p.plain || p.link != p.base
	p.link = p.base
}

// shorten cuts the title, to one code point at least.
func (p *wireProduct) shorten(size int) {
	over := p.size() - size
	if over <= 0 {
		return
	}
	room := len(appendString(nil, p.title)) - len(`""`) - over
	short := strings.TrimRight(cut(p.title, MaxWireTitle, room), " ")
	if short == "" {
		short = cut(p.title, 1, MaxWireProduct)
	}
	p.shortened = p.shortened || short != p.title
	p.title = short
}

func (p *wireProduct) size() int { return len(p.append(nil)) }

func (p *wireProduct) append(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), p.id)
	dst = appendText(dst, `,"title":`, p.title)
	dst = appendText(dst, `,"variant":`, p.variant)
	dst = appendMoney(dst, `,"price":`, p.price)
	dst = appendMoney(dst, `,"was":`, p.was)
	dst = appendText(dst, `,"avail":`, p.avail.String())
	if p.stock != nil {
		dst = appendInt(dst, `,"stock":`, *p.stock)
	}
	dst = appendText(dst, `,"link":`, p.link)
	dst = appendText(dst, `,"image":`, p.image)
	dst = appendText(dst, `,"gtin":`, p.gtin)
	if p.lang != "und" {
		dst = appendText(dst, `,"lang":`, p.lang)
	}
	return append(dst, '}')
}

func (c *wireCard) append(dst []byte) []byte {
	dst = appendText(dst, `{"slot":`, c.Slot)
	if c.Until != 0 {
		dst = appendInt(dst, `,"until":`, c.Until.Ticks(wireClock))
	}
	dst = c.Pos.append(append(dst, `,"pos":`...))
	dst = appendText(dst, `,"style":`, c.Style)
	dst = c.wireProduct.append(append(dst, `,"product":`...))
	return append(dst, '}')
}

func appendCards(dst []byte, cards []wireCard) []byte {
	dst = append(dst, '[')
	for i := range cards {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = cards[i].append(dst)
	}
	return append(dst, ']')
}
