package feed

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// dialect says how a table is written, and which columns it has.
type dialect struct {
	comma    rune
	lazy     bool                       // a quote within a cell is a character like others
	closed   bool                       // columns that are not known are faults
	name     func(header string) string // the format's name of a column
	required []string
	optional []string
}

// table gives the rows of a table that have as many cells as its header, but for empty ones. Of the cells it keeps those of
// known columns. Where a row cannot be read, it tells that and goes on, as far as limits allow.
func (l *ledger) table(data []byte, d dialect) iter.Seq[row] {
	return func(yield func(row) bool) {
		// The reader reads ahead by one buffer of at most 4 KiB.
		t := &tableReader{ledger: l, dialect: d, limit: &rowReader{data: data, most: MaxRow + 4096}}
		t.csv = csv.NewReader(t.limit)
		t.csv.Comma, t.csv.LazyQuotes, t.csv.ReuseRecord = d.comma, d.lazy, true
		if !t.header() {
			return
		}
		for rows := 0; ; rows++ {
			cells, line, ok := t.next()
			if !ok {
				return
			}
			if rows == MaxRows {
				l.fault(line, "", fmt.Sprintf("is row %d", rows+1), fmt.Sprintf("a table must have at most %d", MaxRows))
				return
			}
			if r := t.row(cells, line); (len(r.cells) > 0 || r.other) && !yield(r) {
				return
			}
		}
	}
}

// tableReader reads the rows of a table.
type tableReader struct {
	ledger  *ledger
	dialect dialect
	limit   *rowReader
	csv     *csv.Reader
	said    []string          // the columns' names as they stand in the file
	columns []string          // the format's names; empty: not known
	names   map[string]string // from these to those
}

// next gives the cells of the next row; none where it was at fault. It is not ok at the end of the file, or where one cannot
// go on.
func (t *tableReader) next() (cells []string, line int, ok bool) {
	t.limit.begin()
	start := t.csv.InputOffset()
	cells, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, false
	}
	var bad *csv.ParseError
	switch {
	case t.limit.over || t.csv.InputOffset()-start > MaxRow:
		line = t.limit.line(start)
		t.ledger.fault(line, "", "is too long", fmt.Sprintf("a row must have at most %d bytes: a quote may lack its end", MaxRow))
		return nil, line, false
	case errors.Is(err, csv.ErrFieldCount):
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			return nil, 0, true
		}
		line, _ = t.csv.FieldPos(0)
		t.ledger.fault(line, "", fmt.Sprintf("has %d cells", len(cells)), fmt.Sprintf("must have %d, as the header has", len(t.said)))
		return nil, line, true
	case errors.As(err, &bad):
		line = bad.StartLine
		column := ""
		if len(cells) < len(t.said) {
			column = t.said[len(cells)]
		}
		t.ledger.fault(line, column, "cannot be read", fmt.Sprintf("%v: a cell with a quote must stand in quotes, and its quotes be doubled", bad.Err))
		return nil, line, true
	}
	line, _ = t.csv.FieldPos(0)
	return cells, line, true
}

// header reads the first row and says whether the rest can be read.
func (t *tableReader) header() bool {
	cells, line, ok := t.next()
	if !ok || len(cells) == 0 {
		return false
	}
	found := len(t.ledger.faults)
	known := slices.Concat(t.dialect.required, t.dialect.optional)
	t.names = map[string]string{}
	for _, cell := range cells {
		said := strings.Clone(strings.TrimSpace(cell))
		name := t.dialect.name(said)
		switch {
		case !slices.Contains(known, name):
			if t.dialect.closed && said != "" {
				t.ledger.fault(line, "header", "has "+quote(said), "must be of "+strings.Join(known, " "))
			}
			name = ""
		case slices.Contains(t.columns, name):
			t.ledger.fault(line, "header", "has "+quote(said)+" twice", "must have each column once")
		default:
			t.names[name] = said
		}
		t.said, t.columns = append(t.said, said), append(t.columns, name)
	}
	for _, name := range t.dialect.required {
		if !slices.Contains(t.columns, name) {
			t.ledger.fault(line, "header", "lacks "+quote(name), "must name the columns, apart by "+separator(t.dialect.comma))
		}
	}
	return len(t.ledger.faults) == found
}

func separator(comma rune) string {
	if comma == '\t' {
		return "tabs"
	}
	return "commas"
}

// row keeps the cells of known columns that are not empty.
func (t *tableReader) row(cells []string, line int) row {
	r := row{line: line, cells: map[string]string{}, names: t.names}
	for i, cell := range cells {
		if cell = strings.TrimSpace(cell); cell == "" {
			continue
		}
		if name := t.columns[i]; name != "" {
			r.cells[name] = strings.Clone(cell)
		} else {
			r.other = true
		}
	}
	return r
}
