package tables

import (
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// kept is what Row.Columns and Outcome.Columns hold: the values of the kept
// columns, in the order of the table's schema.
type kept []parquet.Value

// row copies a row out of the pages that it was decoded from.
func (t *table) row(n int64, values []parquet.Value) pipeline.Row {
	var length int
	for _, v := range values[:t.kept] {
		length += len(bytesOf(v))
	}
	buf := make([]byte, 0, length)
	columns := make(kept, t.kept)
	for i, v := range values[:t.kept] {
		if b := bytesOf(v); b != nil {
			start := len(buf)
			buf = append(buf, b...)
			b = buf[start:len(buf):len(buf)]
			if v.Kind() == parquet.ByteArray {
				v = parquet.ByteArrayValue(b)
			} else {
				v = parquet.FixedLenByteArrayValue(b)
			}
		}
		columns[i] = v
	}
	row := pipeline.Row{Number: n, Columns: columns}
	row.Size = int(unsafe.Sizeof(row)) + length + t.kept*int(unsafe.Sizeof(parquet.Value{}))
	if t.source >= 0 && !values[t.source].IsNull() {
		setSource(&row, values[t.source].ByteArray())
	}
	return row
}

// setSource copies a source into its row.
func setSource(row *pipeline.Row, b []byte) {
	source := string(b)
	row.Source = &source
	row.Size += int(unsafe.Sizeof(source)) + len(source)
}

// bytesOf are the bytes that a value refers to, nil if it holds its value
// itself.
func bytesOf(v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return v.ByteArray()
	}
	return nil
}
