package tables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"sluice/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// input is a row of most tests' dataset.
type input struct {
	ID      int64    `parquet:"id"`
	URL     *string  `parquet:"url,optional"`
	Caption string   `parquet:"caption"`
	Tags    []string `parquet:"tags,list"`
}

// inputs are n rows; the source of each tenth is null.
func inputs(n int) []input {
	rows := make([]input, n)
	for i := range rows {
		url := fmt.Sprintf("https://host.example/images/%07d.jpg", i)
		rows[i] = input{ID: int64(i), Caption: fmt.Sprintf("caption %d of a picture", i), Tags: []string{"a", "b"}}
		if i%10 != 9 {
			rows[i].URL = &url
		}
	}
	return rows
}

// encode writes rows as Parquet, groupRows in a row group.
func encode[T any](tb testing.TB, rows []T, groupRows int, opts ...parquet.WriterOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, opts...)
	for part := range slices.Chunk(rows, groupRows) {
		if _, err := w.Write(part); err != nil {
			tb.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// whole is the partition that is a whole file of so many rows.
func whole(o pipeline.Object, rows int64) pipeline.Partition {
	return pipeline.Partition{Name: "p", File: o.Key, Version: o.Version, Rows: rows}
}

func everything() pipeline.Runs { return pipeline.Runs{{First: 0, N: 1 << 40}} }

// dataset is a store with one file of n rows, open.
func dataset(tb testing.TB, n, groupRows int, spec pipeline.Spec, opts ...parquet.WriterOption) (*memory, pipeline.Partition, pipeline.Table) {
	tb.Helper()
	m := newMemory()
	p := whole(m.put("in.parquet", encode(tb, inputs(n), groupRows, opts...)), int64(n))
	t, err := New().Open(ctx, m, p, spec)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if t.Close(); m.open != 0 {
			tb.Errorf("%d readers are still open", m.open)
		}
	})
	return m, p, t
}

// collect takes rows until there are no more or there is an error.
func collect(t pipeline.Table, want pipeline.Runs) (rows []pipeline.Row, err error) {
	for r, err := range t.Rows(ctx, want) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// wantFileError checks that err is an error of that file, in one line.
func wantFileError(t *testing.T, err error, file, problem string) {
	t.Helper()
	var fe *pipeline.FileError
	switch {
	case !errors.As(err, &fe):
		t.Errorf("%v (%T) is no FileError", err, err)
	case fe.File != file || !strings.Contains(fe.Problem, problem):
		t.Errorf("%q does not say %q of %s", err, problem, file)
	case strings.Contains(err.Error(), "\n"):
		t.Errorf("%q is more than a line", err)
	}
}

func TestInspectTellsWhatPlanningNeeds(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", encode(t, inputs(2500), 1000))
	info, err := New().Inspect(ctx, m, o)
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.FileInfo{
		Rows: 2500, RowGroups: []int64{1000, 1000, 500}, OffsetIndex: true,
		Columns: []pipeline.ColumnInfo{
			{Name: "id", Type: "int64", Scalar: true},
			{Name: "url", Type: "string", Source: true, Scalar: true},
			{Name: "caption", Type: "string", Source: true, Scalar: true},
			{Name: "tags", Type: "list"},
		},
	}
	if d := cmp.Diff(want, info); d != "" {
		t.Error(d)
	}
}

func TestInspectReadsTheFooterOnly(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", encode(t, inputs(200_000), 10_000, parquet.Compression(&parquet.Uncompressed)))
	if _, err := New().Inspect(ctx, m, o); err != nil {
		t.Fatal(err)
	}
	if len(m.reads) > 2 || m.read > 2*tailSize {
		t.Errorf("%d bytes of %d in %d reads", m.read, o.Size, len(m.reads))
	}
}

func TestFilesThatAreNoParquetAreFileErrors(t *testing.T) {
	good := encode(t, inputs(100), 50)
	end := len(good) - 8
	with := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	for name, c := range map[string]struct {
		body    []byte
		problem string
	}{
		"no bytes":              {nil, "it is empty"},
		"a few bytes":           {[]byte("PAR1"), "4 bytes are too few"},
		"text":                  {bytes.Repeat([]byte("url,caption\n"), 100), "does not end in PAR1"},
		"cut short":             {good[:len(good)/2], "does not end in PAR1"},
		"encrypted":             {with(func(b []byte) []byte { copy(b[end+4:], "PARE"); return b }), "it is encrypted"},
		"footer past its start": {with(func(b []byte) []byte { b[end+2] = 0xff; return b }), "its footer claims"},
		"footer of 4 GB":        {with(func(b []byte) []byte { copy(b[end:], "\xff\xff\xff\xff"); return b }), "its footer claims 4294967295 bytes"},
		"footer of noughts":     {append(make([]byte, 1000), "\xe0\x03\x00\x00PAR1"...), "missing required field"},
		"footer of 0xff":        {append(bytes.Repeat([]byte{0xff}, 1000), "\xe0\x03\x00\x00PAR1"...), "its footer is cut short or damaged"},
		"footer nested deep":    {append(bytes.Repeat([]byte{0x1c}, 1000), "\xe0\x03\x00\x00PAR1"...), "its footer is cut short or damaged"},
		"footer of a long list": {append(bytes.Repeat([]byte{0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}, 200), "\x70\x05\x00\x00PAR1"...), "its footer is cut short or damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			_, err := New().Inspect(ctx, m, m.put("dir/in.parquet", c.body))
			wantFileError(t, err, "dir/in.parquet", c.problem)
			_, err = New().Summary(ctx, m, "dir/in.parquet")
			wantFileError(t, err, "dir/in.parquet", c.problem)
			if m.open != 0 {
				t.Errorf("%d readers are still open", m.open)
			}
		})
	}
}

func TestFilesThatChangedSinceTheListingAreFileErrors(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", encode(t, inputs(10), 10))
	m.put("in.parquet", encode(t, inputs(20), 10))
	_, err := New().Inspect(ctx, m, o)
	wantFileError(t, err, "in.parquet", "it changed after it was listed")
	_, err = New().Open(ctx, m, whole(o, 10), pipeline.Spec{Column: "url"})
	wantFileError(t, err, "in.parquet", "it changed after it was listed")
	_ = m.Delete(ctx, "in.parquet")
	_, err = New().Open(ctx, m, whole(o, 10), pipeline.Spec{Column: "url"})
	wantFileError(t, err, "in.parquet", "is gone")
	for _, name := range []string{"\xff.parquet", "a\nb.parquet"} {
		o := m.put(name, nil)
		_ = m.Delete(ctx, name) // a listing shows it, and no store finds it
		var file *pipeline.FileError
		if _, err := New().Inspect(ctx, m, o); !errors.As(err, &file) || !strings.Contains(file.Problem, "rename it") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOpenRefusesWhatDoesNotFit(t *testing.T) {
	m := newMemory()
	o := m.put("in.parquet", encode(t, inputs(10), 10))
	for name, c := range map[string]struct {
		p       pipeline.Partition
		spec    pipeline.Spec
		problem string
	}{
		"no such column":       {whole(o, 10), pipeline.Spec{Column: "uri"}, `no column "uri": there are id, url, caption, tags`},
		"a column of integers": {whole(o, 10), pipeline.Spec{Column: "id"}, `column "id" is of type int64, and sources are strings, image bytes, or a struct of bytes and path`},
		"a column of lists":    {whole(o, 10), pipeline.Spec{Column: "tags"}, `column "tags" is of type list`},
		"no such kept column":  {whole(o, 10), pipeline.Spec{Column: "url", KeepColumns: []string{"ID"}}, `no column "ID"`},
		"a kept list":          {whole(o, 10), pipeline.Spec{Column: "url", KeepColumns: []string{"tags"}}, `only scalar columns can be kept`},
		"more rows":            {whole(o, 11), pipeline.Spec{Column: "url"}, "it has 10 rows, and the partition is rows 0 to 10"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New().Open(ctx, m, c.p, c.spec)
			wantFileError(t, err, "in.parquet", c.problem)
		})
	}
}

func TestKeptColumnsAreThoseOfTheSpec(t *testing.T) {
	for name, c := range map[string]struct {
		keep []string
		want string
	}{
		"all scalar ones": {nil, "[7 https://host.example/images/0000007.jpg caption 7 of a picture]"},
		"none":            {[]string{}, "[]"},
		"some, in order":  {[]string{"caption", "id"}, "[caption 7 of a picture 7]"},
		"the source":      {[]string{"url"}, "[https://host.example/images/0000007.jpg]"},
		"one twice":       {[]string{"id", "id"}, "[7]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, tab := dataset(t, 10, 10, pipeline.Spec{Column: "url", KeepColumns: c.keep})
			rows, err := collect(tab, pipeline.Runs{{First: 7, N: 1}})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rows[0].Columns); got != c.want || *rows[0].Source != "https://host.example/images/0000007.jpg" {
				t.Errorf("%s, %s; want %s", got, *rows[0].Source, c.want)
			}
		})
	}
}

func TestAnEmptySourceIsNotNull(t *testing.T) {
	type row struct {
		URL *string `parquet:"url,optional"`
	}
	m := newMemory()
	empty := ""
	o := m.put("in.parquet", encode(t, []row{{&empty}, {nil}}, 10))
	tab, err := New().Open(ctx, m, whole(o, 2), pipeline.Spec{Column: "url"})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	rows, err := collect(tab, everything())
	if err != nil {
		t.Fatal(err)
	}
	if s := rows[0].Source; s == nil || *s != "" {
		t.Errorf("the empty source is %v", s)
	}
	if rows[1].Source != nil {
		t.Errorf("the null is %q", *rows[1].Source)
	}
}

func TestRowsAccountForWhatTheyHold(t *testing.T) {
	type row struct {
		URL  string `parquet:"url"`
		Text []byte `parquet:"text"`
	}
	m := newMemory()
	o := m.put("in.parquet", encode(t, []row{{"u", nil}, {strings.Repeat("u", 1000), bytes.Repeat([]byte("t"), 5000)}}, 10))
	tab, err := New().Open(ctx, m, whole(o, 2), pipeline.Spec{Column: "url"})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	rows, err := collect(tab, everything())
	if err != nil {
		t.Fatal(err)
	}
	// 999 bytes more of a URL that is held twice, and 5,000 of text.
	if d := rows[1].Size - rows[0].Size; d != 2*999+5000 || rows[0].Size > 300 {
		t.Errorf("sizes %d and %d", rows[0].Size, rows[1].Size)
	}
}

func TestRowsStopWhenTheFileChanges(t *testing.T) {
	for name, change := range map[string]func(m *memory){
		"to other rows": func(m *memory) { m.put("in.parquet", encode(t, inputs(9000), 3000)) },
		"to junk":       func(m *memory) { m.put("in.parquet", bytes.Repeat([]byte("junk"), 1<<20)) },
		"to nothing":    func(m *memory) { m.put("in.parquet", nil) },
		"and is gone":   func(m *memory) { _ = m.Delete(ctx, "in.parquet") },
	} {
		t.Run(name, func(t *testing.T) {
			m, _, tab := dataset(t, 10_000, 4000, pipeline.Spec{Column: "url"})
			var n int
			var err error
			for _, e := range tab.Rows(ctx, everything()) {
				if err = e; err != nil {
					break
				}
				if n++; n == 1500 {
					change(m)
				}
			}
			wantFileError(t, err, "in.parquet", "it changed while the run was reading it")
			if n != 2*batchRows {
				t.Errorf("%d rows came, and the second batch ended at %d", n, 2*batchRows)
			}
		})
	}
}

// A row group of a million rows is never held: of its pages one a column, of
// its rows one batch.
func TestRowsAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 20 MB")
	}
	const n = 300_000
	m, _, tab := dataset(t, n, n, pipeline.Spec{Column: "url", KeepColumns: []string{"caption"}})
	live := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := live()
	var rows, most int64
	for r, err := range tab.Rows(ctx, everything()) {
		if err != nil {
			t.Fatal(err)
		}
		if rows = r.Number + 1; rows%60_000 == 1 {
			most = max(most, live()-before)
		}
	}
	t.Logf("%d MB of a file of %d MB", most>>20, len(m.objects["in.parquet"])>>20)
	if rows != n || most > 8<<20 {
		t.Errorf("%d rows, and %d MB were held", rows, most>>20)
	}
}

// errStore is a store that hangs up: how connections end is in its chain.
var errStore = fmt.Errorf("the store is down: %w", io.EOF)

// Every read fails in turn, until one run gets through.
func TestErrorsOfTheStoreArePassedOn(t *testing.T) {
	m, p, tab := dataset(t, 3000, 1000, pipeline.Spec{Column: "url"})
	o, _ := m.Stat(ctx, "in.parquet")
	outcomes := benchOutcomes(t, tab)
	var parts []string
	for i := 0; i < len(outcomes); i += 1000 {
		body, err := tab.EncodePart(outcomes[i : i+1000])
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, fmt.Sprint("part-", i))
		m.put(parts[len(parts)-1], body)
	}
	for name, run := range map[string]func() error{
		"Inspect": func() error { _, err := New().Inspect(ctx, m, o); return err },
		"Rows": func() error {
			tab, err := New().Open(ctx, m, p, pipeline.Spec{Column: "url"})
			if err != nil {
				return err
			}
			defer tab.Close()
			_, err = collect(tab, pipeline.Runs{{First: 1500, N: 1000}})
			return err
		},
		"Merge":   func() error { _, err := New().Merge(ctx, m, parts, p, io.Discard); return err },
		"Summary": func() error { _, err := New().Summary(ctx, m, "manifest"); return err },
		"Scan": func() error {
			for _, err := range New().Scan(ctx, m, "manifest") {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if _, err := New().Merge(ctx, m, parts, p, &b); err != nil {
				t.Fatal(err)
			}
			m.put("manifest", b.Bytes())
			open := m.open
			defer func() { m.fail, m.onRead = nil, nil }()
			for i := 0; ; i++ {
				reads := 0
				m.fail = nil
				m.onRead = func(int64, int) {
					if m.fail = nil; reads == i {
						m.fail = errStore
					}
					reads++
				}
				err := run()
				if m.open != open {
					t.Fatalf("read %d: %d readers are still open", i, m.open-open)
				}
				if reads <= i {
					if err != nil || i == 0 {
						t.Errorf("after %d reads: %v", reads, err)
					}
					return
				}
				var fe *pipeline.FileError
				if !errors.Is(err, errStore) || errors.As(err, &fe) {
					t.Errorf("read %d failed: %v", i, err)
				}
			}
		})
	}
}
