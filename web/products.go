package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/overlay/feed"
)

// importAction is the end of the address that takes files of products.
const importAction = "/products:import"

// registerProducts puts the catalogs onto the API: a stream's own, and the shared one.
func (s *Server) registerProducts(api huma.API) {
	for _, at := range []struct {
		id, path, of string
		change       access.Action
	}{
		{"products", "/v1/streams/{stream}", "of a stream: its own and the shared ones", access.Change},
		{"shared", "/v1", "that all streams share", access.Administer},
	} {
		operation := func(id, method, path, summary string, action access.Action, errors ...int) huma.Operation {
			op := operation(id, method, path, summary, action, errors...)
			if at.change == access.Change {
				op.Parameters = []*huma.Param{{Name: "stream", In: "path", Required: true, Description: "the stream's id", Schema: &huma.Schema{Type: huma.TypeString}}}
			}
			return op
		}
		list := operation(at.id+"-list", http.MethodGet, at.path+"/products", "The products "+at.of, access.Read, http.StatusNotFound)
		huma.Register(api, list, s.listProducts)
		one := at.path + "/products/{id}"
		huma.Register(api, operation(at.id+"-show", http.MethodGet, one, "One product", access.Read, http.StatusNotFound), s.showProduct)
		put := operation(at.id+"-put", http.MethodPut, one, "Put a product in, in place of the one with its id", at.change,
			http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
		put.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			jsonType: {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[overlay.Product]())},
		}}
		put.SkipValidateBody = true // overlay.ParseProduct says it better
		huma.Register(api, put, s.putProduct)
		remove := operation(at.id+"-delete", http.MethodDelete, one, "Take a product out; its cards go with the next picture", at.change, http.StatusNotFound)
		huma.Register(api, remove, s.deleteProduct)
		imported := operation(at.id+"-import", http.MethodPost, at.path+importAction, "Take a file of products in, all or nothing", at.change,
			http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
		imported.MaxBodyBytes = maxImport
		huma.Register(api, imported, s.importProducts)
	}
}

// OnCatalog is the part of a request that names a catalog: that of a stream, or the shared one where there is none.
type OnCatalog struct{ stream string }

// Resolve reads the stream from the path; huma calls it.
func (c *OnCatalog) Resolve(ctx huma.Context) []error {
	c.stream = ctx.Param("stream")
	return nil
}

// OnProduct names a product of a catalog.
type OnProduct struct {
	OnCatalog

	ID string `path:"id" maxLength:"50" doc:"the product's id"`
}

// ProductList is the body of GET …/products.
type ProductList struct {
	Products []*overlay.Product `json:"products"`
}

func (s *Server) listProducts(_ context.Context, in *OnCatalog) (*body[ProductList], error) {
	c, err := s.Overlays.Catalog(in.stream)
	if err != nil {
		return nil, errNoStream()
	}
	return &body[ProductList]{ProductList{orEmpty(c.Products())}}, nil
}

func (s *Server) showProduct(_ context.Context, in *OnProduct) (*body[*overlay.Product], error) {
	c, err := s.Overlays.Catalog(in.stream)
	if err != nil {
		return nil, errNoStream()
	}
	p := c.Product(in.ID)
	if p == nil {
		return nil, s.refusal(in.stream, overlay.ErrNoProduct)
	}
	return &body[*overlay.Product]{p}, nil
}

// productBody is a product as it is put in.
type productBody struct {
	OnProduct

	RawBody []byte `contentType:"application/json"`
}

func (s *Server) putProduct(ctx context.Context, in *productBody) (*body[*overlay.Product], error) {
	c, err := s.Overlays.Catalog(in.stream)
	if err != nil {
		return nil, errNoStream()
	}
	p, err := overlay.ParseProduct(in.RawBody)
	if err == nil && p.ID != in.ID {
		err = overlay.Faults{{Field: "id", Fault: "is not the one in the address", Rule: "must be the same"}}
	}
	if err == nil {
		err = c.Put(ctx, p)
	}
	if err != nil {
		return nil, s.refusal(in.stream, err)
	}
	return &body[*overlay.Product]{p}, nil
}

func (s *Server) deleteProduct(ctx context.Context, in *OnProduct) (*struct{}, error) {
	c, err := s.Overlays.Catalog(in.stream)
	if err != nil {
		return nil, errNoStream()
	}
	if err := c.Delete(ctx, in.ID); err != nil {
		return nil, s.refusal(in.stream, err)
	}
	return nil, nil
}

// productFile is a file of products.
type productFile struct {
	OnCatalog

	Format      string `query:"format" enum:"json,csv,google-tsv,google-xml,shopify" doc:"absent: found by the file itself"`
	Shop        string `query:"shop" doc:"https address of the shop, for shopify" example:"https://shop.example.com"`
	Currency    string `query:"currency" doc:"ISO 4217, of prices that do not tell"`
	Lang        string `query:"lang" doc:"BCP 47, of texts that do not tell"`
	ContentType string `header:"Content-Type" doc:"not looked at: the format is found by the file, or told by the query"`
	RawBody     []byte `contentType:"application/octet-stream"`
}

// Imported is the body of an answer to an import.
type Imported struct {
	Products int `json:"products" doc:"how many the file had: all of them are in the catalog now"`
}

func (s *Server) importProducts(ctx context.Context, in *productFile) (*body[Imported], error) {
	c, err := s.Overlays.Catalog(in.stream)
	if err != nil {
		return nil, errNoStream()
	}
	o := feed.Options{Shop: in.Shop, Currency: in.Currency, Lang: in.Lang}
	if err = o.Format.UnmarshalText([]byte(in.Format)); err != nil {
		return nil, s.refusal(in.stream, err)
	}
	products, err := feed.Read("", bytes.NewReader(in.RawBody), o)
	if err == nil {
		err = c.Put(ctx, products...)
	}
	if err != nil {
		return nil, s.refusal(in.stream, err)
	}
	s.logger().Info("products imported", "stream", in.stream, "products", len(products))
	return &body[Imported]{Imported{len(products)}}, nil
}

// refusal turns what the overlay part says into a problem document, and counts it.
func (s *Server) refusal(stream string, err error) error {
	p := problemOf(err)
	if p.Code == Internal.String() {
		s.logger().Error("overlay request", "stream", stream, "err", err)
	}
	s.shown.refuse(stream, p.Code)
	var rate *overlay.RateError
	if errors.As(err, &rate) {
		seconds := max(1, int((rate.Retry+999_999_999)/1_000_000_000))
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {itoa(seconds)}})
	}
	return p
}

// problemOf finds the problem document of an error of the overlay part.
func problemOf(err error) *Problem {
	var faults overlay.Faults
	var size *overlay.SizeError
	var rate *overlay.RateError
	var row *overlay.RowError
	switch {
	case errors.As(err, &faults):
		p := newProblem(Invalid, "Nothing was changed, since values break a rule: see faults.")
		for _, f := range faults {
			p.Faults = append(p.Faults, Fault{f.Field, f.Fault, f.Rule})
		}
		if errors.As(err, &row) {
			p.Detail = "Nothing was changed, since product " + itoa(row.Row+1) + " breaks a rule: see faults."
		}
		return p
	case errors.As(err, &size):
		return newProblem(TooLarge, "Nothing was changed: "+strings.TrimPrefix(err.Error(), "overlay: ")+".")
	case errors.As(err, &rate):
		return newProblem(TooFast, "Too many changes of this stream; the answer's Retry-After says when the next one is taken.")
	}
	for _, known := range []struct {
		err  error
		code Code
		say  string
	}{
		{overlay.ErrNoProduct, ProductNotFound, "The catalog has no such product. GET …/products lists all of them."},
		{overlay.ErrNoCue, CueNotFound, "There is no such cue, or it is over. GET …/overlays lists those that wait."},
		{overlay.ErrNotShown, NotShown, "Nothing is shown there that could be updated: show it first."},
		{overlay.ErrSlots, SlotsTaken, "Four slots are taken at that time: hide one first."},
		{overlay.ErrMeta, TextTaken, "That picture carries another text: send this one for another time, or for now."},
		{overlay.ErrPast, Past, "That media time has passed, and the change is strict: without strict it comes late."},
		{overlay.ErrConflict, KeyReused, "Another change has that id."},
		{overlay.ErrFull, ScheduleFull, "Too many changes wait: delete some."},
		{overlay.ErrCatalogFull, CatalogFull, "The catalog is full: it has 10,000 products."},
	} {
		if errors.Is(err, known.err) {
			return newProblem(known.code, known.say)
		}
	}
	return newProblem(Internal, "The request could not be carried out. The log says why.")
}
