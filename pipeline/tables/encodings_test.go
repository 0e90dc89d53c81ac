package tables

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"

	"sluice/pipeline"
)

// every has a column of each kind in each encoding that parquet-go writes.
type every struct {
	URL string `parquet:"url"`

	Bool    bool             `parquet:"bool"`
	I32     int32            `parquet:"i32"`
	I64     int64            `parquet:"i64"`
	I96     deprecated.Int96 `parquet:"i96"`
	F32     float32          `parquet:"f32"`
	F64     float64          `parquet:"f64"`
	Bytes   []byte           `parquet:"bytes"`
	Fixed   [5]byte          `parquet:"fixed"`
	UUID    [16]byte         `parquet:"uuid,uuid"`
	Decimal int64            `parquet:"decimal,decimal(2:18)"`

	I32Dict    int32            `parquet:"i32_dict,dict"`
	I96Dict    deprecated.Int96 `parquet:"i96_dict,dict"`
	F64Dict    float64          `parquet:"f64_dict,dict"`
	BytesDict  string           `parquet:"bytes_dict,dict"`
	FixedDict  [5]byte          `parquet:"fixed_dict,dict"`
	I32Delta   int32            `parquet:"i32_delta,delta"`
	I64Delta   int64            `parquet:"i64_delta,delta"`
	BytesDelta string           `parquet:"bytes_delta,delta"`
	F32Split   float32          `parquet:"f32_split,split"`
	F64Split   float64          `parquet:"f64_split,split"`
	I32Split   int32            `parquet:"i32_split,split"`
	I64Split   int64            `parquet:"i64_split,split"`

	// A zero is a null.
	OptBool  bool    `parquet:"opt_bool,optional"`
	OptI64   int64   `parquet:"opt_i64,optional,delta"`
	OptStr   string  `parquet:"opt_str,optional"`
	OptDict  string  `parquet:"opt_dict,optional,dict"`
	OptDelta string  `parquet:"opt_delta,optional,delta"`
	OptNone  string  `parquet:"opt_none,optional,dict"`
	OptSplit float64 `parquet:"opt_split,optional,split"`
}

func everyKind(n int) []every {
	rows := make([]every, n)
	for i := range rows {
		k := int64(i)*2654435761 - 1<<40
		s := fmt.Sprintf("prefix/%d/%s", i/7, "abcdefghijklmnop"[:i%17%16])
		i96 := deprecated.Int96{uint32(k), uint32(i), 2440588}
		r := every{
			URL: s, Bool: i%3 == 0, I32: int32(k), I64: k, I96: i96, F32: float32(k) / 3, F64: float64(k) / 3,
			Bytes: []byte{0xff, byte(i), 0}[:i%4%3], Fixed: [5]byte{byte(i), 1, 2, 3, 4}, UUID: [16]byte{byte(i), byte(i >> 8)}, Decimal: k,
			I32Dict: int32(i % 50), I96Dict: deprecated.Int96{uint32(i % 9)}, F64Dict: float64(i % 11), BytesDict: s[:7+i%3], FixedDict: [5]byte{byte(i % 5)},
			I32Delta: int32(k), I64Delta: k * k, BytesDelta: s,
			F32Split: float32(k), F64Split: math.Sqrt(float64(i)), I32Split: int32(i * i), I64Split: k,
		}
		if i%5 != 0 {
			r.OptBool, r.OptI64, r.OptStr, r.OptDict, r.OptDelta, r.OptSplit = i%2 == 0, k, s, s, s, float64(i)
		}
		rows[i] = r
	}
	return rows
}

// byParquetGo reads all rows by parquet-go's own reader.
func byParquetGo(t *testing.T, b []byte) []parquet.Row {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var rows []parquet.Row
	for _, g := range f.RowGroups() {
		r := g.Rows()
		defer r.Close()
		buf := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				rows = append(rows, row.Clone())
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("parquet-go: %v", err)
			}
		}
	}
	return rows
}

// byUs reads the rows in want by Table.Rows.
func byUs(t *testing.T, b []byte, want pipeline.Runs, spec pipeline.Spec) []pipeline.Row {
	t.Helper()
	m := newMemory()
	o := m.put("in.parquet", b)
	info, err := New().Inspect(ctx, m, o)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := New().Open(ctx, m, whole(o, info.Rows), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	var rows []pipeline.Row
	for r, err := range tab.Rows(ctx, want) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// show is a value as text, with its kind.
func show(v parquet.Value) string {
	if v.IsNull() {
		return "null"
	}
	if b := bytesOf(v); b != nil {
		return fmt.Sprintf("%s %x", v.Kind(), b)
	}
	return fmt.Sprintf("%s %v", v.Kind(), v)
}

func TestRowsReadWhatParquetGoReads(t *testing.T) {
	rows := everyKind(700)
	want := byParquetGo(t, encode(t, rows, 300))
	for _, version := range []int{1, 2} {
		for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd} {
			t.Run(fmt.Sprintf("v%d/%s", version, codec), func(t *testing.T) {
				b := encode(t, rows, 300, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(4<<10))
				got := byUs(t, b, everything(), pipeline.Spec{Column: "url"})
				if len(got) != len(want) || len(want) != len(rows) {
					t.Fatalf("%d rows, want %d", len(got), len(want))
				}
				for i, r := range got {
					if *r.Source != rows[i].URL || r.Number != int64(i) {
						t.Fatalf("row %d: number %d, source %q, want %q", i, r.Number, *r.Source, rows[i].URL)
					}
					for k, v := range r.Columns.(kept) {
						if g, w := show(v), show(want[i][k]); g != w {
							t.Fatalf("row %d, column %d: %s, want %s", i, k, g, w)
						}
					}
				}
			})
		}
	}
}

func TestRowsSkipToWhatIsWanted(t *testing.T) {
	rows := everyKind(3000)
	for name, opts := range map[string][]parquet.WriterOption{
		"v1": {parquet.DataPageVersion(1), parquet.PageBufferSize(2 << 10)},
		"v2": {parquet.DataPageVersion(2), parquet.PageBufferSize(2 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			b := encode(t, rows, 1300, opts...)
			all := byParquetGo(t, b)
			for _, want := range []pipeline.Runs{
				{{First: 0, N: 1}},
				{{First: 2999, N: 1}},
				{{First: 1299, N: 2}},
				{{First: 7, N: 3}, {First: 11, N: 1}, {First: 900, N: 5}, {First: 1300, N: 1}, {First: 2590, N: 30}},
			} {
				var numbers []int64
				for _, r := range byUs(t, b, want, pipeline.Spec{Column: "url"}) {
					numbers = append(numbers, r.Number)
					for k, v := range r.Columns.(kept) {
						if g, w := show(v), show(all[r.Number][k]); g != w {
							t.Fatalf("row %d, column %d: %s, want %s", r.Number, k, g, w)
						}
					}
				}
				var expect []int64
				for _, run := range want {
					for n := run.First; n < run.End(); n++ {
						expect = append(expect, n)
					}
				}
				if d := cmp.Diff(expect, numbers); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestLZ4IsRefused(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", encode(t, everyKind(10), 10, parquet.Compression(&parquet.Lz4Raw)))
	_, err := New().Inspect(ctx, m, o)
	var fe *pipeline.FileError
	if !errors.As(err, &fe) || !strings.Contains(fe.Problem, "LZ4_RAW") {
		t.Errorf("ended with %v", err)
	}
}
