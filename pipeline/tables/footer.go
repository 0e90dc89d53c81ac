package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// footer is what the end of a file says about it.
type footer struct {
	file    *parquet.File
	rows    int64
	columns []column
	groups  []rowGroup
	notes   map[string]string // our own key-values
}

// rowGroup is a row group: which one, and its rows.
type rowGroup struct {
	i           int
	first, rows int64
}

func (g rowGroup) end() int64 { return g.first + g.rows }

const (
	// maxFooter bounds what is held at once to read a footer. A column chunk
	// takes 100 bytes of it or so: this is 20,000 row groups of 30 columns.
	maxFooter = 64 << 20
	// maxRows keeps arithmetic with row numbers far from overflow.
	maxRows = 1 << 48
	// pageBuffer is how much of a column is read at once, at least.
	pageBuffer = 64 << 10
	// ours begins the keys of the key-values that are read.
	ours = "sluice."
)

// readFooter reads and checks the end of a file. What parquet-go's own reading
// does not survive (a length that is a lie, a panic) is the file's fault.
func readFooter(o *object) (*footer, error) {
	if err := checkEnd(o); err != nil {
		return nil, err
	}
	f := &footer{notes: map[string]string{}}
	err := o.guard(func() (err error) {
		f.file, err = parquet.OpenFile(o, o.size, parquet.SkipMagicBytes(true), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(pageBuffer))
		if err != nil {
			return err
		}
		return f.check()
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkEnd looks at the last bytes, before anything is allocated on their word.
func checkEnd(o *object) error {
	const magic = "PAR1"
	if o.size == 0 {
		return o.damaged("it is empty: 0 bytes")
	}
	if o.size < 12 {
		return o.damaged("it is not a Parquet file: %d bytes are too few", o.size)
	}
	end, err := o.read(o.size-8, 8)
	if err != nil {
		return err
	}
	switch string(end[4:]) {
	case magic:
	case "PARE":
		return o.damaged("it is encrypted, which is not supported")
	default:
		return o.damaged("it is not a Parquet file, or not a whole one: it does not end in %s", magic)
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n > maxFooter || n > o.size-12 {
		return o.damaged("its footer claims %d bytes, of a file of %d; at most %d are read", n, o.size, maxFooter)
	}
	b, err := o.read(o.size-8-n, n)
	if err != nil {
		return err
	}
	if _, ok := sound(b); !ok {
		return o.damaged("its footer is cut short or damaged")
	}
	return nil
}

// errLZ4 refuses what parquet-go 0.32 misreads: its decoder gives some pages of
// LZ4_RAW back with a wrong length, and on a damaged one doubles its buffer
// without end. (Found by TestRowsReadWhatParquetGoReads, which holds the other codecs.)
var errLZ4 = errors.New("it is compressed with LZ4_RAW, which is not supported: write it with zstd or snappy")

// check takes from the metadata what is needed, and holds it together.
func (f *footer) check() error {
	m := f.file.Metadata()
	columns, leaves, err := topLevel(m.Schema)
	if err != nil {
		return fmt.Errorf("its footer %w", err)
	}
	f.columns, f.rows = columns, m.NumRows
	var rows int64
	for i, g := range m.RowGroups {
		if g.NumRows < 0 || g.NumRows > maxRows-rows || len(g.Columns) != leaves {
			return fmt.Errorf("row group %d claims %d rows and %d columns", i, g.NumRows, len(g.Columns))
		}
		for k := range g.Columns {
			if g.Columns[k].MetaData.Codec == format.Lz4Raw {
				return errLZ4
			}
		}
		f.groups = append(f.groups, rowGroup{i, rows, g.NumRows})
		rows += g.NumRows
	}
	if rows != f.rows {
		return fmt.Errorf("its footer counts %d rows, and the row groups hold %d", f.rows, rows)
	}
	for _, kv := range m.KeyValueMetadata {
		if strings.HasPrefix(kv.Key, ours) {
			f.notes[kv.Key] = kv.Value
		}
	}
	return nil
}

// groupOf is the row group that holds a row.
func (f *footer) groupOf(row int64) (g rowGroup, ok bool) {
	i := sort.Search(len(f.groups), func(i int) bool { return f.groups[i].end() > row })
	if i == len(f.groups) {
		return g, false
	}
	return f.groups[i], true
}

// chunk is the metadata of a column in a row group.
func (f *footer) chunk(g rowGroup, c column) *format.ColumnChunk {
	return &f.file.Metadata().RowGroups[g.i].Columns[c.leaf]
}

// indexed is whether a column's pages can be found without reading those before.
func (f *footer) indexed(g rowGroup, c column) bool {
	k := f.chunk(g, c)
	return k.OffsetIndexOffset > 0 && k.OffsetIndexLength > 0
}
