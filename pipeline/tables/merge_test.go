package tables

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// putParts cuts outcomes into parts of so many rows, after putting them into an
// order, and stores these.
func putParts(tb testing.TB, m *memory, t pipeline.Table, outcomes []pipeline.Outcome, size int) (keys []string) {
	tb.Helper()
	for i := 0; i < len(outcomes); i += size {
		body, err := t.EncodePart(outcomes[i:min(i+size, len(outcomes))])
		if err != nil {
			tb.Fatal(err)
		}
		keys = append(keys, fmt.Sprintf("part-%04d", len(m.objects)))
		m.put(keys[len(keys)-1], body)
	}
	return keys
}

func merged(tb testing.TB, m *memory, keys []string, p pipeline.Partition) ([]byte, pipeline.Counts) {
	tb.Helper()
	var b bytes.Buffer
	counts, err := New().Merge(ctx, m, keys, p, &b)
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes(), counts
}

func scanned(m *memory, key string) (rows []pipeline.Outcome, err error) {
	for o, err := range New().Scan(ctx, m, key) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, o)
	}
	return rows, nil
}

// every third row late: the parts overlap, as those of a run do.
func overlapping(outcomes []pipeline.Outcome) (early, late []pipeline.Outcome) {
	for i, o := range outcomes {
		if i%3 == 1 {
			late = append(late, o)
		} else {
			early = append(early, o)
		}
	}
	return early, late
}

func TestMergeIsAFunctionOfItsParts(t *testing.T) {
	m, p, tab := dataset(t, 5000, 2000, pipeline.Spec{Column: "url"})
	early, late := overlapping(benchOutcomes(t, tab))
	keys := append(putParts(t, m, tab, early, 256), putParts(t, m, tab, late, 256)...)
	want, counts := merged(t, m, keys, p)
	if counts.Rows() != 5000 || counts.OK != 4500 || counts.Skipped != 500 || counts.BytesOut == 0 {
		t.Errorf("counts %+v", counts)
	}
	for range 3 {
		rand.Shuffle(len(keys), func(i, k int) { keys[i], keys[k] = keys[k], keys[i] })
		if got, _ := merged(t, m, keys, p); !bytes.Equal(got, want) {
			t.Error("the bytes differ with the order of the parts")
		}
	}
	m.put("manifest", want)
	rows, err := scanned(m, "manifest")
	if err != nil || len(rows) != 5000 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, o := range rows {
		if o.Row != int64(i) {
			t.Fatalf("row %d is at %d", o.Row, i)
		}
	}
	s, err := New().Summary(ctx, m, "manifest")
	version := s.Version
	if d := cmp.Diff(pipeline.ManifestSummary{Partition: p, Counts: counts, Version: version}, s); version == "" || err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

func TestMergeHoldsTheRowsOfThePartitionOnceEach(t *testing.T) {
	m, p, tab := dataset(t, 1000, 1000, pipeline.Spec{Column: "url"})
	all := benchOutcomes(t, tab)
	p.First, p.Rows = 100, 800
	parts := func(of ...[]pipeline.Outcome) (keys []string) {
		for _, o := range of {
			keys = append(keys, putParts(t, m, tab, o, len(o))...)
		}
		return keys
	}
	for name, c := range map[string]struct {
		keys    []string
		problem string
	}{
		"no part":            {nil, "row 100 is in none of its parts"},
		"the first missing":  {parts(all[101:900]), "row 100 is in none of its parts"},
		"the last missing":   {parts(all[100:899]), "row 899 is in none of its parts"},
		"a gap within":       {parts(all[100:300], all[301:900]), "row 300 is in none of its parts"},
		"one twice":          {parts(all[100:500], all[499:900]), "row 499 is there twice"},
		"the last one twice": {parts(all[100:900], all[899:900]), "row 899 of part"},
		"one before":         {parts(all[99:900]), "row 99 of part"},
		"one after":          {parts(all[100:901]), "row 900 of part"},
		"a part after":       {parts(all[100:900], all[950:960]), "begins with row 950"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New().Merge(ctx, m, c.keys, p, io.Discard)
			wantFileError(t, err, "manifest/p.parquet", c.problem)
		})
	}
	if _, counts := merged(t, m, parts(all[100:600], all[600:900]), p); counts.Rows() != 800 {
		t.Errorf("%d rows", counts.Rows())
	}
}

func TestMergeNamesPartsThatKeepOtherColumns(t *testing.T) {
	m, p, tab := dataset(t, 100, 100, pipeline.Spec{Column: "url"})
	other, err := New().Open(ctx, m, p, pipeline.Spec{Column: "url", KeepColumns: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	keys := putParts(t, m, tab, benchOutcomes(t, tab)[:50], 50)
	keys = append(keys, putParts(t, m, other, benchOutcomes(t, other)[50:], 50)...)
	_, err = New().Merge(ctx, m, keys, p, io.Discard)
	wantFileError(t, err, "manifest/p.parquet", "its parts "+keys[0]+" and "+keys[1]+" keep different columns: id, url, caption, and id")
}

func TestPartsThatCannotBeReadAreTold(t *testing.T) {
	m, p, tab := dataset(t, 100, 100, pipeline.Spec{Column: "url"})
	keys := putParts(t, m, tab, benchOutcomes(t, tab), 50)
	body := m.objects[keys[1]]
	m.put(keys[1], body[:len(body)-5])
	_, err := New().Merge(ctx, m, keys, p, io.Discard)
	wantFileError(t, err, keys[1], "does not end in PAR1")
	m.put(keys[1], m.objects["in.parquet"])
	_, err = New().Merge(ctx, m, keys, p, io.Discard)
	wantFileError(t, err, keys[1], "it is no manifest")
	_ = m.Delete(ctx, keys[1])
	if _, err = New().Merge(ctx, m, keys, p, io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing part: %v", err)
	}
	if _, err := New().Summary(ctx, m, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing manifest: %v", err)
	}
	if _, err := scanned(m, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing manifest: %v", err)
	}
	_, err = New().Summary(ctx, m, "in.parquet")
	wantFileError(t, err, "in.parquet", "it is no manifest")
}

// Of a hundred parts one after another, one or two are open at a time.
func TestMergeOpensPartsAsItComesToThem(t *testing.T) {
	m, p, tab := dataset(t, 5000, 5000, pipeline.Spec{Column: "url"})
	keys := putParts(t, m, tab, benchOutcomes(t, tab), 50)
	opened := m.open
	most := 0
	m.onRead = func(int64, int) { most = max(most, m.open-opened) }
	defer func() { m.onRead = nil }()
	merged(t, m, keys, p)
	if limit := surveys + 2; most > limit || m.open != opened {
		t.Errorf("%d parts were open at a time, %d are still", most, m.open-opened)
	}
}

func TestRowGroupsEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 66,000 rows twice")
	}
	m, p, tab := dataset(t, groupRows+10, groupRows+10, pipeline.Spec{Column: "url", KeepColumns: []string{}})
	b, _ := merged(t, m, putParts(t, m, tab, benchOutcomes(t, tab), groupRows+10), p)
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, g := range f.RowGroups() {
		rows = append(rows, g.NumRows())
		for i, c := range g.ColumnChunks() {
			if index, err := c.OffsetIndex(); err != nil || index.NumPages() == 0 {
				t.Errorf("column %d has no offset index: %v", i, err)
			}
		}
		least, most, ok := g.ColumnChunks()[colRow].(*parquet.FileColumnChunk).Bounds()
		if n := most.Int64() - least.Int64() + 1; !ok || n != g.NumRows() {
			t.Errorf("the statistics of row are %v to %v", least, most)
		}
	}
	if d := cmp.Diff([]int64{groupRows, 10}, rows); d != "" {
		t.Error(d)
	}
	// And by bytes.
	type wide struct {
		URL  string `parquet:"url"`
		Text string `parquet:"text"`
	}
	long := make([]wide, 40)
	for i := range long {
		long[i] = wide{"u", strings.Repeat("x", 2<<20)}
	}
	o := m.put("wide.parquet", encode(t, long, 10, parquet.Compression(&parquet.Snappy)))
	wideTable, err := New().Open(ctx, m, whole(o, 40), pipeline.Spec{Column: "url"})
	if err != nil {
		t.Fatal(err)
	}
	defer wideTable.Close()
	b, _ = merged(t, m, putParts(t, m, wideTable, benchOutcomes(t, wideTable), 5), whole(o, 40))
	if f, err = parquet.OpenFile(bytes.NewReader(b), int64(len(b))); err != nil || len(f.RowGroups()) != 3 {
		t.Errorf("%d row groups of 80 MB: %v", len(f.RowGroups()), err)
	}
}

func TestSummaryReadsTheFooterOnly(t *testing.T) {
	m, p, tab := dataset(t, 60_000, 60_000, pipeline.Spec{Column: "url"})
	b, _ := merged(t, m, putParts(t, m, tab, benchOutcomes(t, tab), 60_000), p)
	m.put("manifest", b)
	m.reset()
	if _, err := New().Summary(ctx, m, "manifest"); err != nil {
		t.Fatal(err)
	}
	if len(m.reads) != 1 || m.read > tailSize || len(b) < 4*tailSize {
		t.Errorf("%d of %d bytes in %d reads", m.read, len(b), len(m.reads))
	}
}

func TestOutcomesComeBackAsTheyWere(t *testing.T) {
	source := "images/a.jpg"
	want := []pipeline.Outcome{
		{
			Row: 0, Source: &source, Status: pipeline.OK, HTTPStatus: 200, Key: "images/p/0.jpg", Format: "jpeg", Width: 256, Height: 128, Bytes: 1 << 33, SHA256: strings.Repeat("0f", 32),
			SourceFormat: "webp", SourceWidth: 4000, SourceHeight: 3000, SourceBytes: 1 << 34, Attempts: 3, FinalURL: "https://cdn.example.org/é/1.webp",
			FetchTime: 80*time.Millisecond + 1, ProcessTime: 13 * time.Microsecond, StoreTime: time.Hour,
		},
		{Row: 1, Source: &source, Status: pipeline.Failed, Class: pipeline.HTTP4xx, Message: "404 Not Found", HTTPStatus: 404, Attempts: 1, FetchTime: time.Second},
		{Row: 2, Status: pipeline.Skipped},
	}
	m, _, tab := dataset(t, 3, 3, pipeline.Spec{Column: "url"})
	rows, err := collect(tab, everything())
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Columns = rows[i].Columns
	}
	got, err := scanned(m, putParts(t, m, tab, want, 3)[0])
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(pipeline.Outcome{}, "Columns")); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// Whoever adds a field to Outcome decides here whether the manifest has it.
func TestTheManifestKnowsEveryFieldOfAnOutcome(t *testing.T) {
	if n := reflect.TypeFor[pipeline.Outcome]().NumField(); n != 24 {
		t.Errorf("Outcome has %d fields", n)
	}
}

func TestEncodePartRefusesWhatIsOutOfOrder(t *testing.T) {
	_, _, tab := dataset(t, 10, 10, pipeline.Spec{Column: "url"})
	out := benchOutcomes(t, tab)
	if _, err := tab.EncodePart([]pipeline.Outcome{out[3], out[3]}); err == nil {
		t.Error("a row twice")
	}
	out[4].Columns = nil
	if _, err := tab.EncodePart(out[:5]); err == nil {
		t.Error("a row without its columns")
	}
	if b, err := tab.EncodePart(nil); err != nil || len(b) == 0 {
		t.Errorf("no rows: %v", err)
	}
}

func TestKeptNames(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"free":                 {"id url caption", "id url caption"},
		"taken":                {"row status id", "input_row input_status id"},
		"taken in other case":  {"Width HEIGHT", "input_Width input_HEIGHT"},
		"taken twice":          {"status input_status", "input_status_2 input_status"},
		"and a third time":     {"input_status status input_status_2", "input_status input_status_3 input_status_2"},
		"two of the same name": {"a a A", "a input_a input_A_2"},
	} {
		t.Run(name, func(t *testing.T) {
			var in []column
			for _, n := range strings.Fields(c.in) {
				in = append(in, column{name: n})
			}
			if got := strings.Join(keptNames(in), " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
