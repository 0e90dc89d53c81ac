package tables

import (
	"bytes"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// unordered is whether parquet-go would give a column wrong statistics: it
// compares all bytes as text, and decimals, FLOAT16 and intervals are not.
func unordered(e format.SchemaElement) bool {
	switch e.Type.V {
	case format.Int96, format.FixedLenByteArray:
		return true
	case format.ByteArray:
		return !text(e)
	}
	return false
}

func float16(e format.SchemaElement) bool {
	_, ok := e.LogicalType.Value.(*format.Float16Type)
	return ok
}

// widest are values that none of an unordered column is below or above.
func widest(e format.SchemaElement) (least, most []byte) {
	n := 16 // the width of the largest decimal
	switch e.Type.V {
	case format.FixedLenByteArray:
		n = int(e.TypeLength.V)
	case format.Int96:
		n = 12
	}
	least, most = make([]byte, n), bytes.Repeat([]byte{math.MaxUint8}, n)
	switch {
	case decimal(e) != nil: // big-endian, signed
		least[0], most[0] = 0x80, 0x7f
	case float16(e): // little-endian: minus and plus infinity
		least, most = []byte{0x00, 0xfc}, []byte{0x00, 0x7c}
	case e.Type.V == format.ByteArray:
		least = nil
	}
	return least, most
}

// wideIndex is a column index that excludes no page. parquet-go always writes
// one, and where it is told to leave bounds out, it says of each page that its
// values are empty strings: readers that skip pages by it would lose rows.
type wideIndex struct {
	element format.SchemaElement
	index   format.ColumnIndex
}

// Reset implements parquet.ColumnIndexer.
func (w *wideIndex) Reset() { w.index = format.ColumnIndex{} }

// IndexPage implements parquet.ColumnIndexer.
func (w *wideIndex) IndexPage(values, nulls int64, _, _ parquet.Value) {
	least, most := widest(w.element)
	if values == nulls {
		least, most = nil, nil
	}
	w.index.NullPages = append(w.index.NullPages, values == nulls)
	w.index.NullCounts = append(w.index.NullCounts, nulls)
	w.index.MinValues = append(w.index.MinValues, least)
	w.index.MaxValues = append(w.index.MaxValues, most)
}

// ColumnIndex implements parquet.ColumnIndexer.
func (w *wideIndex) ColumnIndex() format.ColumnIndex { return w.index }

// halves buffers FLOAT16 values, whose bounds are infinite. Without any, DuckDB
// 2.0 finds no row by such a column.
type halves struct {
	parquet.ColumnBuffer
	element format.SchemaElement
}

// Page implements parquet.ColumnBuffer.
func (h halves) Page() parquet.Page { return halfPage{h.ColumnBuffer.Page(), h.element} }

type halfPage struct {
	parquet.Page
	element format.SchemaElement
}

// Bounds implements parquet.Page.
func (p halfPage) Bounds() (least, most parquet.Value, ok bool) {
	a, b := widest(p.element)
	return parquet.FixedLenByteArrayValue(a), parquet.FixedLenByteArrayValue(b), p.NumValues() > 0
}
