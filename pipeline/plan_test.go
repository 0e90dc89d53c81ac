package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

func fine(i int) string { return fmt.Sprintf("ok:%d", i) }

// run does a whole run, and returns how many rows it did.
func (w *world) run(name string, perPartition int64) (rows int64, totals pipeline.Totals) {
	w.t.Helper()
	sum, ps := w.mustPlan(name, perPartition)
	for _, p := range ps {
		rows += w.finish(p, pipeline.Begin(p)).Rows()
	}
	totals, err := w.output.Finish(w.t.Context(), sum.Run, pipeline.Ending{Status: pipeline.Succeeded, New: rows})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.out.Stat(w.t.Context(), pipeline.SuccessKey); err != nil {
		w.t.Fatal(err)
	}
	return rows, totals
}

func TestRunsAreIncremental(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 250, fine)
	w.sources("deep/b.parquet", 50, fine)
	w.sources("_hidden/c.parquet", 50, fine)
	w.sources(".d.parquet", 50, fine)
	step := func(name string, per, rows, all int64) {
		t.Helper()
		did, totals := w.run(name, per)
		if did != rows || totals.Counts.Rows() != all {
			t.Errorf("%s: did %d rows of %d, want %d of %d", name, did, totals.Counts.Rows(), rows, all)
		}
		w.verify()
	}
	step("the first run", 100, 300, 300)
	step("nothing new", 100, 0, 300)
	step("nothing new, cut otherwise", 30, 0, 300)
	w.sources("e.parquet", 20, fine)
	step("a new file", 100, 20, 320)
	w.sources("a.parquet", 300, fine)
	step("a changed file", 100, 300, 370)
	if err := w.dataset.Delete(t.Context(), "e.parquet"); err != nil {
		t.Fatal(err)
	}
	step("a vanished file keeps its rows", 100, 0, 370)
}

// A file that is done is not read again, not even its footer.
func TestWhatIsDoneCostsListingsOnly(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 250, fine)
	w.run("1", 100)
	w.output.Dataset = unreadable{w.dataset}
	sum, _ := w.mustPlan("2", 100)
	if sum.Partitions != 0 || sum.Earlier != 3 || sum.Done.OK != 250 {
		t.Errorf("%+v", sum)
	}
}

// unreadable is a store that only lists.
type unreadable struct{ pipeline.Store }

func (unreadable) Open(context.Context, string) (pipeline.ObjectReader, error) {
	return nil, errors.New("it was read")
}

// A run that was given up half-way goes on under another cut, and at the end
// each row stands once.
func TestAnotherCutReplacesTheFirst(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 250, fine)
	_, ps := w.mustPlan("1", 100)
	w.finish(ps[1], pipeline.Begin(ps[1]))
	if rows, totals := w.run("2", 50); rows != 250 || totals.Counts.Rows() != 250 {
		t.Errorf("did %d rows of %d", rows, totals.Counts.Rows())
	}
	w.verify()
}

// Without the ledger the same counts come from the manifests.
func TestTheLedgerIsOnlyACache(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 250, mixed)
	_, before := w.run("1", 100)
	for _, broken := range []string{"", "not gzip"} {
		if err := w.out.Write(t.Context(), "_runs/ledger.jsonl.gz", []byte(broken), nil); err != nil {
			t.Fatal(err)
		}
		if _, after := w.run("2", 100); after.Counts.Failed != before.Counts.Failed || after.Counts.Rows() != 250 {
			t.Errorf("%+v, and it was %+v", after, before)
		}
	}
}

func TestMistakesAreFoundBeforeARowIsTouched(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		want  []string // in the message
	}{
		{"no such column", func(w *world) { w.spec.Column = "url" }, []string{`no column "url"`, "path (", "id ("}},
		{"not a column of sources", func(w *world) { w.spec.Column = "id" }, []string{`"id"`, "int64", "--column: path"}},
		{"no such column to keep", func(w *world) { w.spec.KeepColumns = []string{"label"} }, []string{`"label"`}},
		{"a column to keep that is a list", func(w *world) {
			type tagged struct {
				Path string   `parquet:"path"`
				Tags []string `parquet:"tags,list"`
			}
			var b bytes.Buffer
			if err := parquet.Write(&b, []tagged{{"ok:1", []string{"x"}}}); err != nil {
				w.t.Fatal(err)
			}
			if err := w.dataset.Write(w.t.Context(), "a.parquet", b.Bytes(), nil); err != nil {
				w.t.Fatal(err)
			}
			w.spec.KeepColumns = []string{"tags"}
		}, []string{`column "tags" is of type list`, "--keep-columns"}},
		{"no file", func(w *world) { _ = w.dataset.Delete(w.t.Context(), "a.parquet") }, []string{"no Parquet file under mem://"}},
		{"quality", func(w *world) { w.spec.Target.Quality = 0 }, []string{"quality 0"}},
		{"key", func(w *world) { w.spec.Key = "images/{row}" }, []string{"overwrite"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", 10, fine)
			c.spoil(w)
			_, _, err := w.plan("1", 100)
			var usage *pipeline.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("ended with %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(usage.Message, part) || strings.Contains(usage.Message, "\n") {
					t.Errorf("%q does not say %q in one line", usage.Message, part)
				}
			}
			if left := w.keys(""); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A plan that is too large is refused while nothing of the output has changed,
// though pages of it had been written by then.
func TestAPlanThatIsTooLargeChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 10, fine)
	w.run("1", 100)
	before := w.keys("")
	w.sources("b.parquet", 2500, fine)
	req := pipeline.PlanRequest{Run: "_runs/2/", Spec: w.spec, RowsPerPartition: 1, MaxPartitions: 2400}
	_, err := w.output.Plan(t.Context(), req, func(pipeline.PlanProgress) {})
	wantUsage(t, err, "2400 partitions", "--rows-per-partition")
	if after := w.keys(""); !slices.Equal(before, after) {
		t.Errorf("there is %v, and there was %v", after, before)
	}
}

func TestAnOutputBelongsToOneSpec(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 10, fine)
	w.run("1", 100)
	w.spec.Target.Width = 9
	_, _, err := w.plan("2", 100)
	var usage *pipeline.UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), `--size was "8x8", is "9x8"`) {
		t.Errorf("ended with %v", err)
	}
}

// A file that cannot be processed is one partition that fails, and the others
// go on.
func TestABrokenFileIsOnePartition(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 10, fine)
	if err := w.dataset.Write(t.Context(), "b.parquet", []byte("not Parquet"), nil); err != nil {
		t.Fatal(err)
	}
	_, ps := w.mustPlan("1", 100)
	if len(ps) != 2 || ps[0].Problem != "" || ps[1].Problem == "" || ps[1].File != "b.parquet" {
		t.Errorf("%+v", ps)
	}
}

// Finish does not say _SUCCESS when a manifest is gone.
func TestSuccessIsHeldAgainstThePlan(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 100, fine)
	sum, ps := w.mustPlan("1", 50)
	w.finish(ps[0], pipeline.Begin(ps[0]))
	if _, err := w.output.Finish(t.Context(), sum.Run, pipeline.Ending{Status: pipeline.Succeeded}); err == nil {
		t.Error("one of two manifests is enough")
	}
}

// spoilt are the ways in which an output can be wrong.
var spoilt = []struct {
	name  string
	spoil func(w *world, ps []pipeline.Partition)
	want  string // what verifying says
	again int    // rows that mending it does again
}{
	{"a missing object", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Delete(w.t.Context(), w.keyOf(ps[0], 3))
	}, "does not exist", 1},
	{"a truncated object", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Write(w.t.Context(), w.keyOf(ps[0], 3), []byte("x"), nil)
	}, "is 1 bytes, and the manifest says 4", 1},
	{"an object with other bytes", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Write(w.t.Context(), w.keyOf(ps[0], 3), []byte("ok:9"), nil)
	}, "another sha256", 1},
	{"a missing manifest", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Delete(w.t.Context(), ps[1].ManifestKey())
	}, "no manifest holds rows 50 to 99", 50},
	{"a manifest in another's place", func(w *world, ps []pipeline.Partition) {
		body, _ := w.out.Read(w.t.Context(), ps[0].ManifestKey())
		_ = w.out.Write(w.t.Context(), ps[1].ManifestKey(), body, nil)
	}, "it says that it is the manifest of", 50},
	{"a damaged manifest", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Write(w.t.Context(), ps[1].ManifestKey(), []byte("PAR1 no more PAR1"), nil)
	}, "cannot be read", 50},
	{"a damaged manifest beside a missing object", func(w *world, ps []pipeline.Partition) {
		_ = w.out.Delete(w.t.Context(), w.keyOf(ps[0], 3))
		_ = w.out.Write(w.t.Context(), ps[1].ManifestKey(), []byte("PAR1 no more PAR1"), nil)
	}, "does not exist", 51},
	{"a changed file", func(w *world, ps []pipeline.Partition) {
		w.sources("a.parquet", 101, fine)
	}, "another version", 101},
}

// keyOf is the key of a row's image.
func (w *world) keyOf(p pipeline.Partition, row int) string {
	return strings.Replace(w.outcomes(p)[row].Key, "PARTITION", p.Name, 1)
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	for _, c := range spoilt {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", 100, fine)
			w.run("1", 50)
			c.spoil(w, w.plan1())
			r := w.findings(false)
			if r.Found == 0 || !strings.Contains(fmt.Sprint(r.Findings), c.want) {
				t.Errorf("found %v, want %q", r.Findings, c.want)
			}
			if left := w.keys("_runs/verify/"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// plan1 reads the first run's partitions again.
func (w *world) plan1() []pipeline.Partition {
	ps, err := w.output.Partitions(w.t.Context(), "_runs/1/", 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return ps
}
