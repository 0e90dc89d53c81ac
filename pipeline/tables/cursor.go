package tables

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// cursor reads the values of a flat column of a row group, one a row, in rising
// order. It holds one page.
type cursor struct {
	src     *object
	name    string
	chunk   *parquet.FileColumnChunk
	gate    *gate
	indexed bool

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader // of the page
	row    int64               // of the next value, in the row group
	end    int64               // the row after the page
	buf    [64]parquet.Value
	have   []parquet.Value // of buf, read and not yet taken
}

func newCursor(o *object, f *footer, g rowGroup, c column) *cursor {
	return &cursor{
		src:     o,
		name:    c.name,
		chunk:   f.file.RowGroups()[g.i].ColumnChunks()[c.leaf].(*parquet.FileColumnChunk),
		gate:    newGate(o, f.chunk(g, c), g.rows),
		indexed: f.indexed(g, c),
	}
}

// close lets go of the page.
func (c *cursor) close() {
	c.turn(nil)
	if c.pages != nil {
		_ = c.pages.Close() // it was only read
	}
}

// turn puts another page, or none, in the place of the current one.
func (c *cursor) turn(page parquet.Page) {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.have, c.end = page, nil, nil, c.row
	if page != nil {
		c.values, c.end = page.Values(), c.row+page.NumRows()
	}
}

// at is the value of a row of the row group, not before the last one. Its bytes
// are valid until the next call.
func (c *cursor) at(row int64) (v parquet.Value, err error) {
	if row >= c.row && row < c.row+int64(len(c.have)) {
		c.have = c.have[row-c.row:]
	} else if err := c.src.guard(func() error { return c.seek(row) }); err != nil {
		return v, err
	}
	v, c.have = c.have[0], c.have[1:]
	c.row = row + 1
	return v, nil
}

// seek reads on until the next value is row's. By the offset index it reads no
// page before row's; without one it passes over pages by reading them.
func (c *cursor) seek(row int64) error {
	if c.pages == nil {
		c.pages = c.chunk.PagesFrom(c.gate)
	}
	if row >= c.end && row > c.row && c.indexed {
		// The index was left out when the file was opened: it is loaded with the
		// first need of it.
		if err := c.gate.index(); err != nil {
			return c.wrong(err)
		}
		if _, err := c.chunk.OffsetIndex(); err != nil {
			return c.wrong(err)
		}
		if err := c.pages.SeekToRow(row); err != nil {
			return c.wrong(err)
		}
		c.row = row
		c.turn(nil)
	}
	for {
		for row >= c.end {
			c.row = c.end
			page, err := c.pages.ReadPage()
			if err != nil {
				return c.wrong(err)
			}
			c.turn(page)
		}
		if row < c.row+int64(len(c.have)) {
			c.have = c.have[row-c.row:]
			c.row = row
			return nil
		}
		c.row += int64(len(c.have))
		n, err := c.values.ReadValues(c.buf[:])
		c.have = c.buf[:n]
		if n == 0 {
			return c.wrong(errors.Join(err, fmt.Errorf("a page ends before its %d rows", c.page.NumRows())))
		}
	}
}

func (c *cursor) wrong(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("it ends before the row group does")
	}
	return fmt.Errorf("column %q: %w", c.name, err)
}
