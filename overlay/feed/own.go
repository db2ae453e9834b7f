package feed

// ownTable is the table with our own field names. Each row is one product, in one language and one currency.
func ownTable() dialect {
	return dialect{
		comma: ',', closed: true, name: func(header string) string { return header },
		required: []string{"id", "title", "price", "currency", "link"},
		optional: []string{"variant", "was", "avail", "stock", "image", "gtin", "lang"},
	}
}

// own reads a row of our own table.
func (l *ledger) own(r row) {
	if !l.begin(r.line) {
		return
	}
	d := l.draft(r, nil)
	p, cells := &d.product, r.cells
	p.ID, p.Link, p.Image, p.GTIN = cells["id"], cells["link"], cells["image"], cells["gtin"]
	p.Title = d.texts(cells["title"], cells["lang"])
	p.Variant = d.texts(cells["variant"], cells["lang"])
	p.Avail = d.avail("avail", cells["avail"])
	p.Stock = d.stock("stock")
	if d.hasCurrency("currency", cells["currency"]) && cells["price"] != "" {
		p.Price = d.money("price", cells["price"], cells["currency"])
		if p.Price != nil && cells["was"] != "" {
			p.Was = d.money("was", cells["was"], cells["currency"])
		}
	}
	d.done()
}
