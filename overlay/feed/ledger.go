package feed

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/overlay"
)

// ledger keeps what was read of one file: products, or what is wrong.
type ledger struct {
	options  Options
	products []*overlay.Product
	lines    map[string]int // where each id was first
	begun    int            // products, those at fault included
	faults   overlay.Faults // at most MaxFaults
	more     int            // faults that are not told
}

// fault notes what is wrong with a column of a line; without a column, with the line.
func (l *ledger) fault(line int, column, fault, rule string) {
	at := "line " + strconv.Itoa(line)
	if column != "" {
		at += ": " + column
	}
	l.faultAt(at, fault, rule)
}

func (l *ledger) faultAt(field, fault, rule string) {
	if len(l.faults) == MaxFaults {
		l.more++
		return
	}
	l.faults = append(l.faults, &overlay.Fault{Field: field, Fault: fault, Rule: rule})
}

// told gives all faults, with one more for those beyond MaxFaults; nil where there are none.
func (l *ledger) told() overlay.Faults {
	if l.more == 0 {
		return l.faults
	}
	return append(l.faults, &overlay.Fault{Field: fmt.Sprintf("%d more", l.more), Fault: "are not told", Rule: "mend these first"})
}

// begin counts a product. It says whether there is room; the first without it is a fault, those behind it are passed over.
func (l *ledger) begin(line int) bool {
	l.begun++
	if l.begun == overlay.MaxProducts+1 {
		l.fault(line, "", fmt.Sprintf("holds product %d", l.begun), fmt.Sprintf("a file must have at most %d", overlay.MaxProducts))
	}
	return l.begun <= overlay.MaxProducts
}

// unique notes an id, and says whether it is the first of its name. The column is where the file has the id.
func (l *ledger) unique(id string, line int, column string) bool {
	first, again := l.lines[id]
	if again {
		l.fault(line, column, fmt.Sprintf("is %s, as in line %d", quote(id), first), "must be different for each product")
		return false
	}
	l.lines[id] = line
	return true
}

// suits judges the options for a format.
func (l *ledger) suits(o Options) bool {
	probe := overlay.Product{Title: []overlay.Text{{Lang: o.Lang, Text: "-"}}}
	for _, f := range faultsOf(probe.Validate()) {
		if strings.HasPrefix(f.Field, "title") {
			l.faultAt("lang", f.Fault, f.Rule)
		}
	}
	if o.Format >= formats {
		l.faultAt("format", "is unknown", "must be one of "+strings.Join(formatNames[:], " "))
	}
	if o.Format == Shopify {
		if !isShop(o.Shop) {
			l.faultAt("shop", said(o.Shop), "must be the https address of the shop, without a query, since Shopify's file has no links")
		}
		if !overlay.IsCurrency(o.Currency) {
			l.faultAt("currency", said(o.Currency), "must be a code of ISO 4217 in upper case, since Shopify's file does not tell")
		}
	}
	return len(l.faults) == 0
}

func isShop(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// said gives what is wrong with a value, for a message.
func said(value string) string {
	if value == "" {
		return "is missing"
	}
	return "is " + quote(value)
}

// quote gives s for a message: quoted, and cut where it is long.
func quote(s string) string {
	const most = 48 // bytes
	if len(s) <= most {
		return strconv.QuoteToGraphic(s)
	}
	end := 0
	for at := range s {
		if at > most {
			break
		}
		end = at
	}
	return strconv.QuoteToGraphic(s[:end]) + "…"
}
