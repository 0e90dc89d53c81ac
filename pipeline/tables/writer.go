package tables

import (
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"
)

// schema is that of a manifest or part: the fixed columns, then the kept ones.
type schema struct {
	parquet  *parquet.Schema
	optional []bool   // by column
	text     []bool   // by column: a kept one, and UTF-8 by declaration
	noBounds []string // names of columns without statistics
}

// newSchema makes the schema of a manifest that keeps columns under names.
func newSchema(kept []column, names []string) *schema {
	s := &schema{}
	var r root
	add := func(name string, node parquet.Node, text bool) {
		r.fields = append(r.fields, &leaf{node, name})
		s.optional = append(s.optional, node.Optional())
		s.text = append(s.text, text)
	}
	for _, c := range fixed {
		add(c.name, c.node, false)
	}
	for i, c := range kept {
		add(names[i], declare(c.element), text(c.element))
		if unordered(c.element) && !float16(c.element) {
			s.noBounds = append(s.noBounds, names[i])
		}
	}
	s.parquet = parquet.NewSchema("manifest", r)
	return s
}

// root is a parquet.Group whose fields keep their order.
type root struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (r root) Fields() []parquet.Field { return r.fields }

// leaf is a column of it.
type leaf struct {
	parquet.Node
	name string
}

// Name implements parquet.Field.
func (l *leaf) Name() string { return l.name }

// Value implements parquet.Field for writers of Go structs. Ours are written as
// values.
func (l *leaf) Value(reflect.Value) reflect.Value { return reflect.Value{} }

const (
	// A row group ends at so many rows, or bytes of values. Until then it is in
	// memory, compressed; and readers take row groups in parallel.
	groupRows  = 1 << 16
	groupBytes = 32 << 20
)

// Half of a manifest is URLs and hashes in hex, of which zstd makes half and
// snappy cannot; every reader of this decade knows zstd. A part is read once,
// by Merge, and there what counts is time.
var (
	manifestCodec = &parquet.Zstd
	partCodec     = &parquet.Snappy
)

// writer writes rows of a manifest or part. What it writes is a function of the
// schema and of the rows.
type writer struct {
	schema *schema
	w      *parquet.GenericWriter[any]
	row    [1]parquet.Row
	rows   int // in the row group
	bytes  int
}

func newWriter(w io.Writer, s *schema, codec compress.Codec) *writer {
	opts := []parquet.WriterOption{
		s.parquet,
		parquet.Compression(codec),
		// What pyarrow, DuckDB and Spark write by default.
		parquet.DataPageVersion(1),
		parquet.CreatedBy("sluice", "1", "0"), // not the build, which changes
	}
	for _, name := range s.noBounds {
		opts = append(opts, parquet.SkipPageBounds(name))
	}
	return &writer{
		schema: s,
		w:      parquet.NewGenericWriter[any](w, opts...),
		row:    [1]parquet.Row{make(parquet.Row, len(s.optional))},
	}
}

// write writes a row of one value a column. It keeps none of their bytes.
func (w *writer) write(values []parquet.Value) error {
	for i, v := range values {
		level := 0
		if !v.IsNull() {
			if w.schema.optional[i] {
				level = 1
			}
			if w.schema.text[i] {
				v = utf8Value(v)
			}
		}
		w.row[0][i] = v.Level(0, level, i)
		w.bytes += 8 + len(bytesOf(v))
	}
	if _, err := w.w.WriteRows(w.row[:]); err != nil {
		return err
	}
	if w.rows++; w.rows == groupRows || w.bytes >= groupBytes {
		w.rows, w.bytes = 0, 0
		return w.w.Flush()
	}
	return nil
}

// note puts a key-value into the footer.
func (w *writer) note(key, value string) { w.w.SetKeyValueMetadata(key, value) }

func (w *writer) close() error { return w.w.Close() }

// utf8Value is v in UTF-8, whatever its bytes are: one row of a text column
// with other bytes makes a file that DuckDB refuses to read.
func utf8Value(v parquet.Value) parquet.Value {
	if b := v.ByteArray(); !utf8.Valid(b) {
		return str(string(b))
	}
	return v
}

// sameType is whether two kept columns are written alike.
func sameType(a, b format.SchemaElement) bool {
	a.FieldID, b.FieldID = 0, 0
	return reflect.DeepEqual(a, b)
}

// str is a string as a value, in UTF-8.
func str(s string) parquet.Value {
	return parquet.ByteArrayValue([]byte(strings.ToValidUTF8(s, "\uFFFD")))
}
