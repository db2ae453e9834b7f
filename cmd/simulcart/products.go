package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/simulcart/simulcart/overlay"
)

// productsCommand is simulcart products.
type productsCommand struct {
	Import importCommand        `cmd:"" help:"Take a file of products in, all or nothing: JSON, CSV, Google Merchant feed (TSV, XML), Shopify's product CSV."`
	List   listProductsCommand  `cmd:"" help:"Print the products, one in a line: id, price, title."`
	Delete deleteProductCommand `cmd:"" help:"Take a product out; its cards go with the next picture."`
}

// catalogFlags say which catalog is meant.
type catalogFlags struct {
	server

	Shared bool `help:"The catalog that all streams share, instead of the stream's own."`
}

// ask sends a request about the catalog.
func (c *catalogFlags) ask(ctx context.Context, out io.Writer, method, path string, body []byte, v any) (bool, error) {
	if c.Shared {
		return c.askAt(ctx, out, method, "/v1"+path, body, v)
	}
	return c.server.ask(ctx, out, method, path, body, v)
}

// importCommand is simulcart products import.
type importCommand struct {
	catalogFlags

	File     string `arg:"" type:"existingfile" help:"The file of products; - for standard input."`
	Format   string `enum:",json,csv,google-tsv,google-xml,shopify" default:"" help:"json, csv, google-tsv, google-xml or shopify; by default it is found by the file."`
	Shop     string `placeholder:"URL" help:"The shop's https address, for Shopify's files, which hold no links."`
	Currency string `help:"Of the prices in Shopify's files, which do not tell, such as EUR."`
	Lang     string `help:"Of texts that do not tell, such as en."`
}

// Run imports the file.
func (c *importCommand) Run(ctx context.Context, out io.Writer) error {
	var data []byte
	var err error
	if c.File == "-" {
		data, err = io.ReadAll(standardInput(ctx))
	} else {
		data, err = os.ReadFile(c.File)
	}
	if err != nil {
		return fmt.Errorf("read products: %w", err)
	}
	query := url.Values{}
	for name, value := range map[string]string{"format": c.Format, "shop": c.Shop, "currency": c.Currency, "lang": c.Lang} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var got struct{ Products int }
	printed, err := c.ask(ctx, out, http.MethodPost, "/products:import?"+query.Encode(), data, &got)
	if err != nil || printed {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d products imported\n", c.File, got.Products)
	return err
}

// standardInput reads what is piped in, until ctx ends: a read that waits cannot be interrupted, and is left behind then, since
// the program ends.
func standardInput(ctx context.Context) io.Reader {
	in := os.Stdin
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { _ = r.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(w, in)
		_ = w.CloseWithError(err)
	}()
	return r
}

// listProductsCommand is simulcart products list.
type listProductsCommand struct{ catalogFlags }

// Run lists the products.
func (c *listProductsCommand) Run(ctx context.Context, out io.Writer) error {
	var got struct{ Products []*overlay.Product }
	printed, err := c.ask(ctx, out, http.MethodGet, "/products", nil, &got)
	if err != nil || printed {
		return err
	}
	for _, p := range got.Products {
		if err := p.Validate(); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if _, err := fmt.Fprintf(out, "%s\t%s\t%s\n", p.ID, p.Price[0], p.Title[0].Text); err != nil {
			return err
		}
	}
	return nil
}

// deleteProductCommand is simulcart products delete.
type deleteProductCommand struct {
	catalogFlags

	ID string `arg:"" help:"The product's id."`
}

// Run deletes the product.
func (c *deleteProductCommand) Run(ctx context.Context, out io.Writer) error {
	_, err := c.ask(ctx, out, http.MethodDelete, "/products/"+url.PathEscape(c.ID), nil, nil)
	return err
}
