package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/pipeline"
)

// again plans what sel selects, and does it.
func (w *world) again(run string, sel pipeline.Selection) (pipeline.PlanSummary, []pipeline.Partition) {
	w.t.Helper()
	sum, ps := w.planAgain(run, sel)
	for _, p := range ps {
		w.finish(p, pipeline.Begin(p))
	}
	if _, err := w.output.Finish(w.t.Context(), sum.Run, pipeline.Ending{Status: pipeline.Succeeded}); err != nil {
		w.t.Fatal(err)
	}
	return sum, ps
}

func (w *world) planAgain(run string, sel pipeline.Selection) (pipeline.PlanSummary, []pipeline.Partition) {
	w.t.Helper()
	// Another cut than the first run's, as a repair may have.
	req := pipeline.PlanRequest{Run: "_runs/" + run + "/", RowsPerPartition: 10_000, Redo: &sel}
	sum, err := w.output.Plan(w.t.Context(), req, func(pipeline.PlanProgress) {})
	if err != nil {
		w.t.Fatal(err)
	}
	ps, err := w.output.Partitions(w.t.Context(), sum.Run, 0, sum.Partitions)
	if err != nil {
		w.t.Fatal(err)
	}
	return sum, ps
}

// flawed has failures of two classes at two hosts: rows 0, 10, ... of 404, and
// rows 5, 15, ... of 500, which heal.
func flawed(i int) string {
	host := "one.example"
	if i%20 < 10 {
		host = "TWO.example:8080"
	}
	switch i % 10 {
	case 0:
		return fmt.Sprintf("404://%s/%d", host, i)
	case 5:
		return fmt.Sprintf("500://user@%s/%d?x", host, i)
	}
	return fine(i)
}

func TestSelectedRowsAreDoneAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		sel  pipeline.Selection
		rows int // of 200
		ok   int64
	}{
		{"all that failed", pipeline.Selection{}, 40, 180},
		{"by class", pipeline.Selection{Classes: []pipeline.Class{pipeline.HTTP5xx}}, 20, 180},
		{"by two classes", pipeline.Selection{Classes: []pipeline.Class{pipeline.HTTP5xx, pipeline.HTTP4xx}}, 40, 180},
		{"by a class that no row has", pipeline.Selection{Classes: []pipeline.Class{pipeline.TLS}}, 0, 160},
		{"by host", pipeline.Selection{Hosts: []string{"two.example"}}, 20, 170},
		{"by host and port", pipeline.Selection{Hosts: []string{"two.example:8080"}}, 20, 170},
		{"by another port", pipeline.Selection{Hosts: []string{"two.example:80"}}, 0, 160},
		{"by class and host", pipeline.Selection{Classes: []pipeline.Class{pipeline.HTTP5xx}, Hosts: []string{"one.example"}}, 10, 170},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", 200, flawed)
			w.sources("b.parquet", 50, fine)
			w.run("1", 70)
			before := w.plan1()
			first := map[string][]pipeline.Outcome{}
			for _, p := range before {
				first[p.Name] = w.outcomes(p)
			}
			w.fetcher.healed.Store(true)
			w.fetcher.fetched = map[string]int{}
			w.output.Dataset = unreadable{w.dataset}
			sum, ps := w.again("2", c.sel)
			w.output.Dataset = w.dataset
			if rows := sum.Rows + sum.Done.Rows(); rows != 250 {
				t.Errorf("planned %d rows of 250", rows)
			}
			for _, p := range ps {
				for i, o := range w.outcomes(p) {
					if p.Redo.Rows.Contain(o.Row) {
						continue
					}
					if d := cmp.Diff(first[p.Name][i], o); d != "" {
						t.Errorf("row %d was not to be done again: %s", o.Row, d)
					}
				}
			}
			if all, most := w.fetcher.requests(); all != c.rows || c.rows > 0 && most != 1 {
				t.Errorf("%d sources were asked for, one of them %d times; want %d, each once", all, most, c.rows)
			}
			if r := w.verify(); r.Counts.OK != c.ok+50 || r.Counts.Rows() != 250 {
				t.Errorf("%+v", r.Counts)
			}
			if left := w.keys("_partitions/"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if did, totals := w.run("3", 70); did != 0 || totals.Counts.OK != c.ok+50 {
				t.Errorf("the next run did %d rows and counts %+v", did, totals)
			}
		})
	}
}

func TestWrongSelectionsAreToldInOneLine(t *testing.T) {
	w := newWorld(t)
	for _, sel := range []pipeline.Selection{{Classes: []pipeline.Class{"http_500"}}, {Hosts: []string{""}}, {}} {
		_, err := w.output.Plan(t.Context(), pipeline.PlanRequest{Run: "_runs/1/", Redo: &sel}, func(pipeline.PlanProgress) {})
		if usage := new(pipeline.UsageError); !errors.As(err, &usage) {
			t.Errorf("%+v over an output that nobody has written to: %v", sel, err)
		}
	}
}

// Any checkpoint of a redo can be resumed from, publishing it twice is as good
// as once, and two redos with the same task are one.
func TestARedoIsResumed(t *testing.T) {
	for i := 0; ; i++ {
		w := newWorld(t)
		w.sources("a.parquet", 600, func(i int) string { return fmt.Sprintf("500:%d", i) })
		w.run("1", 1000)
		w.fetcher.healed.Store(true)
		_, ps := w.planAgain("2", pipeline.Selection{})
		_, same := w.planAgain("3", pipeline.Selection{})
		if d := cmp.Diff(ps, same); d != "" {
			t.Fatal(d)
		}
		p := ps[0]
		j := &copying{world: w, p: p}
		if _, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), j)); err != nil {
			t.Fatal(err)
		}
		if i >= len(j.accepted) {
			break
		}
		before, _ := w.fetcher.requests()
		c, err := w.engine.Process(t.Context(), w.job(p, j.accepted[i], &journal{}))
		if err != nil {
			t.Fatal(err)
		}
		after, _ := w.fetcher.requests()
		if again := int64(after - before); again > j.accepted[i].Remaining(p).Count() {
			t.Errorf("from checkpoint %d: %d rows were fetched, and %d remained", i, again, j.accepted[i].Remaining(p).Count())
		}
		for range 2 {
			if counts, err := w.output.Publish(t.Context(), p, c); err != nil || counts.OK != 600 {
				t.Fatalf("publishing: %+v, %v", counts, err)
			}
		}
		w.verify()
	}
}

// Whoever comes late with an older manifest changes nothing.
func TestAnOldRedoReplacesNothing(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 100, flawed)
	sum, ps := w.mustPlan("1", 1000)
	p := ps[0]
	first, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), &journal{}))
	if err != nil {
		t.Fatal(err)
	}
	publish := func(p pipeline.Partition, c pipeline.Checkpoint) error {
		_, err := w.output.Publish(t.Context(), p, c)
		return err
	}
	if err := publish(p, first); err != nil {
		t.Fatal(err)
	}
	if _, err := w.output.Finish(t.Context(), sum.Run, pipeline.Ending{Status: pipeline.Succeeded}); err != nil {
		t.Fatal(err)
	}
	do := func(run string) (pipeline.Partition, pipeline.Checkpoint) {
		_, ps := w.planAgain(run, pipeline.Selection{})
		c, err := w.engine.Process(t.Context(), w.job(ps[0], pipeline.Begin(ps[0]), &journal{}))
		if err != nil {
			t.Fatal(err)
		}
		return ps[0], c
	}
	old, late := do("2") // the 500s are still ill, and it is not published
	w.fetcher.healed.Store(true)
	_, ps = w.planAgain("3", pipeline.Selection{Classes: []pipeline.Class{pipeline.HTTP5xx}})
	w.finish(ps[0], pipeline.Begin(ps[0]))
	want := w.outcomes(p)
	var file *pipeline.FileError
	if err := publish(old, late); !errors.As(err, &file) {
		t.Errorf("the redo that came late: %v, want a *FileError", err)
	}
	if err := publish(p, first); err != nil { // it stands
		t.Error(err)
	}
	if d := cmp.Diff(want, w.outcomes(p)); d != "" {
		t.Error(d)
	}
	if _, err := w.engine.Process(t.Context(), w.job(old, pipeline.Begin(old), &journal{})); !errors.As(err, &file) {
		t.Errorf("beginning it anew: %v, want a *FileError", err)
	}
	if _, err := w.output.Finish(t.Context(), "_runs/2/", pipeline.Ending{Status: pipeline.Succeeded}); !errors.As(err, &file) {
		t.Errorf("finishing its run as a success: %v, want a *FileError", err)
	}
	w.verify()
}

func TestARepairDoesWhatIsWrongAgain(t *testing.T) {
	for _, c := range spoilt {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", 100, fine)
			w.run("1", 50)
			c.spoil(w, w.plan1())
			if w.findings(true).Found == 0 {
				t.Fatal("nothing is wrong")
			}
			w.fetcher.fetched = map[string]int{}
			w.again("2", pipeline.Selection{Repairs: "_runs/verify/"})
			if all, _ := w.fetcher.requests(); c.name != "a changed file" && all != c.again || all > 10_000 {
				t.Errorf("%d rows were done again, want %d", all, c.again)
			}
			w.verify()
			if _, err := w.out.Stat(t.Context(), pipeline.SuccessKey); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunsWith(t *testing.T) {
	var rs pipeline.Runs
	for _, row := range []int64{7, 3, 5, 4, 4, 0, 9, 8, 6} {
		rs = rs.With(row)
	}
	if want := (pipeline.Runs{{First: 0, N: 1}, {First: 3, N: 7}}); !slices.Equal(rs, want) {
		t.Errorf("%v, want %v", rs, want)
	}
}

// Images that the dataset itself holds are read there again; of the rest of it,
// nothing is.
func TestEmbeddedImagesAreDoneAgain(t *testing.T) {
	w := newWorld(t)
	w.album("a.parquet", 300, medley)
	w.run("1", 100)
	p := w.plan1()[1]
	before := w.outcomes(p)
	for _, i := range []int{4, 5, 6} { // of rows 100 to 199: embedded, without and with a path
		if before[i].Status != pipeline.OK {
			t.Fatalf("%+v", before[i])
		}
		if err := w.out.Delete(t.Context(), w.keyOf(p, i)); err != nil {
			t.Fatal(err)
		}
	}
	if found := w.findings(true).Found; found != 3 {
		t.Fatalf("%d findings", found)
	}
	w.fetcher.fetched = map[string]int{}
	_, ps := w.again("2", pipeline.Selection{Repairs: "_runs/verify/"})
	if len(ps) != 1 || ps[0].Redo.Rows.Count() != 3 {
		t.Errorf("planned %+v", ps)
	}
	if all, _ := w.fetcher.requests(); all != 0 {
		t.Errorf("%d sources were asked for", all)
	}
	if d := cmp.Diff(before, w.outcomes(p)); d != "" {
		t.Error(d)
	}
	w.verify()
}
