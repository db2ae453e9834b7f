package feed

import (
	"net/url"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/overlay"
)

// Columns of Shopify's product CSV.
const (
	shopHandle  = "Handle"
	shopTitle   = "Title"
	shopSKU     = "Variant SKU"
	shopPrice   = "Variant Price"
	shopWas     = "Variant Compare At Price"
	shopStock   = "Variant Inventory Qty"
	shopTracker = "Variant Inventory Tracker"
	shopPolicy  = "Variant Inventory Policy"
	shopImage   = "Image Src"
	shopPicture = "Variant Image"
	shopBarcode = "Variant Barcode"
)

func shopOptions() []string { return []string{"Option1 Value", "Option2 Value", "Option3 Value"} }

func shopTable() dialect {
	return dialect{
		comma: ',', name: func(header string) string { return header },
		required: []string{shopHandle, shopTitle, shopSKU, shopPrice},
		optional: append(shopOptions(), shopWas, shopStock, shopTracker, shopPolicy, shopImage, shopPicture, shopBarcode),
	}
}

// listing is what the rows of one handle share. Shopify writes it in the first of them.
type listing struct{ title, image string }

// shopify reads Shopify's product CSV. Each row with a variant is a product; the others of its handle only add pictures.
func (l *ledger) shopify(data []byte) {
	listings := map[string]listing{}
	silent := &ledger{options: l.options}
	for r := range silent.table(data, shopTable()) {
		first := listings[r.cells[shopHandle]]
		if first.title == "" {
			first.title = r.cells[shopTitle]
		}
		if first.image == "" {
			first.image = r.cells[shopImage]
		}
		listings[r.cells[shopHandle]] = first
	}
	for r := range l.table(data, shopTable()) {
		if r.cells[shopHandle] == "" {
			l.fault(r.line, shopHandle, "is missing", "must be the product's handle, in each row")
			continue
		}
		if isVariant(r) {
			l.variant(r, listings[r.cells[shopHandle]])
		}
	}
}

// isVariant says whether a row has a variant, and not only another picture.
func isVariant(r row) bool {
	return r.cells[shopSKU] != "" || r.cells[shopPrice] != "" || r.cells[shopTitle] != "" ||
		slices.ContainsFunc(shopOptions(), func(column string) bool { return r.cells[column] != "" })
}

// variant reads a row that has one. Spreadsheets are kept from changing numbers by an apostrophe in front, which is no part
// of them.
func (l *ledger) variant(r row, of listing) {
	if !l.begin(r.line) {
		return
	}
	d := l.draft(r, map[string]string{
		"id": shopSKU, "title": shopTitle, "variant": shopOptions()[0], "price": shopPrice, "stock": shopStock,
		"link": shopHandle, "image": shopImage, "gtin": shopBarcode,
	})
	p, cells := &d.product, r.cells
	if p.ID = strings.TrimPrefix(cells[shopSKU], "'"); p.ID == "" {
		d.fault(shopSKU, "is missing", "must be the variant's own: it becomes the product's id")
	}
	p.Title = d.texts(of.title, "")
	p.Variant = d.texts(options(r), "")
	p.Link = strings.TrimRight(l.options.Shop, "/") + "/products/" + url.PathEscape(cells[shopHandle])
	p.Image = of.image
	if own := cells[shopPicture]; own != "" {
		p.Image, d.columns["image"] = own, shopPicture
	}
	if barcode := strings.TrimPrefix(cells[shopBarcode], "'"); isItemNumber(barcode) {
		p.GTIN = barcode
	}
	d.shopPrices()
	d.shopStock()
	d.done()
}

// options names a variant by the values of its options. Shopify calls the only variant of a product Default Title.
func options(r row) string {
	var values []string
	for _, column := range shopOptions() {
		if value := r.cells[column]; value != "" && value != "Default Title" {
			values = append(values, value)
		}
	}
	return strings.Join(values, " / ")
}

// isItemNumber says whether a barcode looks like a GTIN: Shopify's may be any text.
func isItemNumber(barcode string) bool {
	switch len(barcode) {
	case 8, 12, 13, 14:
		return strings.Trim(barcode, "0123456789") == ""
	}
	return false
}

// shopPrices reads the prices. A compare-at price that is not above the price shows no reduction in the shop either.
func (d *draft) shopPrices() {
	currency := d.ledger.options.Currency
	if cell := d.cells[shopPrice]; cell != "" {
		d.product.Price = d.money(shopPrice, cell, currency)
	}
	if cell := d.cells[shopWas]; cell != "" {
		was := d.money(shopWas, cell, currency)
		if was != nil && d.product.Price != nil && was[0].Amount > d.product.Price[0].Amount {
			d.product.Was = was
		}
	}
}

// shopStock reads the stock and what follows from it. Of variants whose stock the shop does not track the file tells none;
// more can be sold than there is, which gives negative numbers.
func (d *draft) shopStock() {
	if _, told := d.names[shopTracker]; told && d.cells[shopTracker] == "" {
		return
	}
	stock := d.stock(shopStock)
	if stock == nil {
		return
	}
	switch {
	case *stock > 0:
		d.product.Avail = overlay.InStock
	case d.cells[shopPolicy] == "continue":
		d.product.Avail = overlay.Backorder
	default:
		d.product.Avail = overlay.OutOfStock
	}
	*stock = max(*stock, 0)
	d.product.Stock = stock
}
