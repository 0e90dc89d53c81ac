package tables

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// reader reads rows of some columns of a file, in rising order. It holds one
// row group open at a time, and of it one page of each column.
type reader struct {
	src     *object
	footer  *footer
	columns []column

	group   rowGroup // the one that is open
	cursors []*cursor
}

func newReader(src *object, f *footer, columns []column) *reader {
	return &reader{src: src, footer: f, columns: columns}
}

// read fills dst with the values of a row, one a column. Bytes in them are
// valid until the next call.
func (r *reader) read(row int64, dst []parquet.Value) error {
	if row < r.group.first || row >= r.group.end() {
		if err := r.open(row); err != nil {
			return err
		}
	}
	for i, c := range r.cursors {
		v, err := c.at(row - r.group.first)
		if err != nil {
			return err
		}
		dst[i] = v
	}
	return nil
}

// open enters the row group that holds row.
func (r *reader) open(row int64) error {
	r.close()
	var ok bool
	if r.group, ok = r.footer.groupOf(row); !ok {
		return r.src.damaged("it has no row %d", row)
	}
	for _, c := range r.columns {
		r.cursors = append(r.cursors, newCursor(r.src, r.footer, r.group, c))
	}
	return nil
}

func (r *reader) close() {
	for _, c := range r.cursors {
		c.close()
	}
	r.cursors, r.group = nil, rowGroup{}
}

// find is the column of that name.
func find(columns []column, name string) (column, error) {
	for _, c := range columns {
		if c.name == name {
			return c, nil
		}
	}
	return column{}, fmt.Errorf("it has no column %q: there are %s", name, names(columns))
}
