package tables

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"sluice/pipeline"
)

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// withFooter is a file of nothing but a footer.
func withFooter(footer []byte) []byte {
	b := append([]byte("PAR1"), footer...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), "PAR1"...)
}

func TestFootersThatLieAreRefused(t *testing.T) {
	for name, footer := range map[string][]byte{
		"structs in structs":       bytes.Repeat([]byte{0x1c}, 1<<20),
		"lists in lists":           bytes.Repeat([]byte{0x19}, 1<<20),
		"a list of 2^31":           {0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07},
		"2^24 row groups of a 0":   append([]byte{0x49, 0xfc, 0x80, 0x80, 0x80, 0x08}, make([]byte, 16<<20+1)...),
		"bytes that are no Thrift": bytes.Repeat([]byte{0xff}, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			_, err := New().Inspect(ctx, m, m.put("in.parquet", withFooter(footer)))
			wantFileError(t, err, "in.parquet", "its footer is cut short or damaged")
		})
	}
}

// craft is a file of one column of sources and one page of it, whose header and
// metadata say what they are told to.
func craft(tb testing.TB, h format.PageHeader, body []byte, rows int64, change func(m *format.ColumnMetaData)) []byte {
	page := append(marshal(tb, &h), body...)
	meta := format.ColumnMetaData{
		Type: format.ByteArray, Encoding: []format.Encoding{format.Plain}, PathInSchema: []string{"url"},
		NumValues: rows, TotalUncompressedSize: int64(len(page)), TotalCompressedSize: int64(len(page)), DataPageOffset: 4,
	}
	if change != nil {
		change(&meta)
	}
	leaf := format.SchemaElement{Name: "url", Type: thrift.New(format.ByteArray), RepetitionType: thrift.New(format.Required)}
	footer := marshal(tb, &format.FileMetaData{
		Version: 2, NumRows: rows,
		Schema:    []format.SchemaElement{{Name: "root", NumChildren: thrift.New(int32(1))}, leaf},
		RowGroups: []format.RowGroup{{NumRows: rows, Columns: []format.ColumnChunk{{FileOffset: 4, MetaData: meta}}}},
	})
	return append(append([]byte("PAR1"), page...), withFooter(footer)[4:]...)
}

func dataPage(size, data, values int32) format.PageHeader {
	return format.PageHeader{
		Type: format.DataPage, CompressedPageSize: size, UncompressedPageSize: data,
		DataPageHeader: thrift.New(format.DataPageHeader{NumValues: values, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}),
	}
}

func TestPagesThatClaimTooMuchAreRefused(t *testing.T) {
	body := []byte("\x02\x00\x00\x00ab")
	snappy := func(m *format.ColumnMetaData) { m.Codec = format.Snappy }
	for name, c := range map[string]struct {
		file    []byte
		problem string
	}{
		"more bytes than there are":  {craft(t, dataPage(math.MaxInt32, 6, 1), body, 1, nil), "claims 2147483647 bytes"},
		"2 GB in 6 bytes":            {craft(t, dataPage(6, math.MaxInt32, 1), body, 1, snappy), "it takes 2048 MB to decode"},
		"more values than rows":      {craft(t, dataPage(6, 6, math.MaxInt32), body, 1, nil), "claims 2147483647 values"},
		"2^31 values of 2^31 rows":   {craft(t, dataPage(6, 6, math.MaxInt32), body, math.MaxInt32, nil), "MB to decode"},
		"less than nothing":          {craft(t, dataPage(-6, 6, 1), body, 1, nil), "negative sizes"},
		"no header":                  {craft(t, format.PageHeader{}, nil, 1, func(m *format.ColumnMetaData) { m.DataPageOffset++ }), "missing required field"},
		"a chunk that is elsewhere":  {craft(t, dataPage(6, 6, 1), body, 1, func(m *format.ColumnMetaData) { m.DataPageOffset = 1 << 40 }), "in.parquet"},
		"fewer values than it says":  {craft(t, dataPage(6, 6, 2), body, 2, nil), "in.parquet"},
		"fewer rows than the footer": {craft(t, dataPage(6, 6, 1), body, 2, nil), "ends before the row group"},
		"a length past the page":     {craft(t, dataPage(6, 6, 1), []byte("\xff\xff\xff\x7fab"), 1, nil), "in.parquet"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			o := m.put("in.parquet", c.file)
			info, err := New().Inspect(ctx, m, o)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tab, err := New().Open(ctx, m, whole(o, info.Rows), pipeline.Spec{Column: "url"})
			if err != nil {
				t.Fatal(err)
			}
			defer tab.Close()
			_, err = collect(tab, everything())
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("its rows were read")
			}
			wantFileError(t, err, "in.parquet", strings.TrimPrefix(c.problem, "in.parquet"))
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
				t.Errorf("%d MB were allocated", n>>20)
			}
		})
	}
}

func TestACraftedPageIsRead(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", craft(t, dataPage(6, 6, 1), []byte("\x02\x00\x00\x00ab"), 1, nil))
	tab, err := New().Open(ctx, m, whole(o, 1), pipeline.Spec{Column: "url"})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	rows, err := collect(tab, everything())
	if err != nil || len(rows) != 1 || *rows[0].Source != "ab" {
		t.Errorf("%v, %v", rows, err)
	}
}

// ranges is a file with its layout.
func ranges(t *testing.T, opts ...parquet.WriterOption) (*memory, *parquet.File) {
	t.Helper()
	opts = append(opts, parquet.Compression(&parquet.Uncompressed), parquet.PageBufferSize(32<<10))
	m, _, _ := dataset(t, 200_000, 50_000, pipeline.Spec{Column: "url"}, opts...)
	b := m.objects["in.parquet"]
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m, f
}

func TestOnlyWhatIsNeededIsRead(t *testing.T) {
	const captions, urls = 2, 1
	m, f := ranges(t)
	o, _ := m.Stat(context.Background(), "in.parquet")
	tab, err := New().Open(ctx, m, whole(o, 200_000), pipeline.Spec{Column: "url", KeepColumns: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	m.reset()
	// The last page of the third row group and the first of the fourth, and of
	// that the rows after a gap.
	if _, err := collect(tab, pipeline.Runs{{First: 149_990, N: 20}, {First: 190_000, N: 10}}); err != nil {
		t.Fatal(err)
	}
	touched := func(group, column int) (n, of int64) {
		c := f.Metadata().RowGroups[group].Columns[column].MetaData
		return m.touched(c.DataPageOffset, c.DataPageOffset+c.TotalCompressedSize), c.TotalCompressedSize
	}
	for group := range 4 {
		if n, _ := touched(group, captions); n > 0 {
			t.Errorf("%d bytes of another column were read", n)
		}
	}
	for group := range 2 {
		if n, _ := touched(group, urls); n > 0 {
			t.Errorf("%d bytes of row group %d were read, which holds none of the rows", n, group)
		}
	}
	// One page is 32 kB, and what is read ahead 64 kB.
	if n, of := touched(2, urls); n > 256<<10 || of < 1<<20 {
		t.Errorf("%d bytes of %d were read for ten rows at the end", n, of)
	}
	if n, of := touched(3, urls); n > 512<<10 {
		t.Errorf("%d bytes of %d were read for two runs of ten rows", n, of)
	}
}
