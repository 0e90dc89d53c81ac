package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sluice/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mixed is a file in which every tenth row is a null, a dead link, a page of
// HTML or an origin that fails for now.
func mixed(i int) string {
	switch i % 40 {
	case 0:
		return ""
	case 10:
		return fmt.Sprintf("404:%d", i)
	case 20:
		return fmt.Sprintf("html:%d", i)
	case 30:
		return fmt.Sprintf("500:%d", i)
	}
	return fmt.Sprintf("ok:%d", i)
}

func TestEachRowEndsOnce(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 1000, mixed)
	_, ps := w.mustPlan("1", 400)
	var sum pipeline.Counts
	for _, p := range ps {
		sum = sum.Plus(w.finish(p, pipeline.Begin(p)))
	}
	want := pipeline.Counts{OK: 900, Failed: 75, Skipped: 25, Errors: map[pipeline.Class]int64{
		pipeline.HTTP4xx: 25, pipeline.Unsupported: 25, pipeline.HTTP5xx: 25,
	}}
	sum.BytesIn, sum.BytesOut = 0, 0
	if d := cmp.Diff(want, sum); d != "" {
		t.Error(d)
	}
	r := w.verify()
	if r.Counts.Rows() != 1000 || r.Objects != 900 {
		t.Errorf("%+v", r)
	}
	if _, most := w.fetcher.requests(); most != 1 {
		t.Errorf("a row was fetched %d times", most)
	}
}

// A pass leaves what failed for a transient reason, and only that, to the next;
// the last one leaves nothing.
func TestLaterPasses(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 400, mixed)
	_, ps := w.mustPlan("1", 1000)
	p := ps[0]
	job := w.job(p, pipeline.Begin(p), &journal{})
	job.LastPass = false
	first, err := w.engine.Process(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if first.Next != p.End() || first.Holes.Count() != 10 || first.Counts.Failed != 20 {
		t.Fatalf("after the first pass: %+v", first)
	}
	w.fetcher.healed.Store(true)
	first.Pass = 2
	counts := w.finish(p, first)
	if counts.OK != 370 || counts.Failed != 20 {
		t.Errorf("after the second pass: %+v", counts)
	}
	for _, o := range w.outcomes(p) {
		want := 1
		if o.Source != nil && strings.HasPrefix(*o.Source, "500") {
			want = 2
		}
		if o.Status != pipeline.Skipped && o.Attempts != want {
			t.Errorf("row %d took %d attempts, want %d", o.Row, o.Attempts, want)
		}
	}
	if all, most := w.fetcher.requests(); all != 400 || most != 2 {
		t.Errorf("%d requests, at most %d a row", all, most)
	}
}

// Every checkpoint that was accepted can be resumed from, and comes to the same
// manifest, whatever else lies beside the output by then.
func TestAnyAcceptedCheckpointResumes(t *testing.T) {
	for name, fill := range map[string]func(w *world){
		"sources": func(w *world) { w.sources("a.parquet", 1500, mixed) },
		"images":  func(w *world) { w.album("a.parquet", 1500, medley) },
	} {
		t.Run(name, func(t *testing.T) { anyCheckpointResumes(t, fill) })
	}
}

func anyCheckpointResumes(t *testing.T, fill func(w *world)) {
	w := newWorld(t)
	fill(w)
	_, ps := w.mustPlan("1", 5000)
	p := ps[0]
	j := &journal{}
	done, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), j))
	if err != nil {
		t.Fatal(err)
	}
	if len(j.accepted) < 5 {
		t.Fatalf("only %d checkpoints", len(j.accepted))
	}
	if _, err := w.output.Publish(t.Context(), p, done); err != nil {
		t.Fatal(err)
	}
	want := w.outcomes(p)
	for i := range j.accepted {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			w := newWorld(t)
			fill(w)
			_, ps := w.mustPlan("1", 5000)
			p := ps[0]
			j := &journal{}
			if _, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), j)); err != nil {
				t.Fatal(err)
			}
			if i >= len(j.accepted) {
				t.Skip("this time there were fewer")
			}
			from := j.accepted[i]
			before, _ := w.fetcher.requests()
			w.finish(p, from)
			if d := cmp.Diff(want, w.outcomes(p)); d != "" {
				t.Error(d)
			}
			after, _ := w.fetcher.requests()
			if again := int64(after - before); again > from.Remaining(p).Count() {
				t.Errorf("%d rows were fetched, and %d remained", again, from.Remaining(p).Count())
			}
			w.verify()
		})
	}
}

// A pass that is stopped ends at once, keeps what is done, and says so.
func TestStopKeepsWhatIsDone(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 600, func(i int) string {
		if i%3 == 0 {
			return fmt.Sprintf("hang:%d", i)
		}
		return fmt.Sprintf("ok:%d", i)
	})
	_, ps := w.mustPlan("1", 1000)
	p := ps[0]
	stop := make(chan struct{})
	j := &journal{refuse: func(n int) error {
		select {
		case <-stop:
		default:
			if n > 0 { // the first says that it begins
				close(stop)
			}
		}
		return nil
	}}
	job := w.job(p, pipeline.Begin(p), j)
	job.Stop = stop
	c, err := w.engine.Process(t.Context(), job)
	if !errors.Is(err, pipeline.ErrStopped) {
		t.Fatalf("ended with %v", err)
	}
	if d := cmp.Diff(j.last(), c); d != "" {
		t.Error(d)
	}
	if err := c.Check(p); err != nil || c.Counts.OK == 0 {
		t.Errorf("%+v: %v", c, err)
	}
}

// An attempt whose checkpoint is refused stops, and writes nothing more.
func TestRefusedAttemptStops(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 2000, mixed)
	_, ps := w.mustPlan("1", 5000)
	p := ps[0]
	superseded := errors.New("superseded")
	j := &journal{refuse: func(n int) error {
		if n == 1 {
			return superseded
		}
		return nil
	}}
	c, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), j))
	if !errors.Is(err, superseded) {
		t.Fatalf("ended with %v", err)
	}
	if d := cmp.Diff(j.last(), c); d != "" {
		t.Error("returns a checkpoint that was not accepted", d)
	}
	ops := w.faults.ops.Load()
	if w.finish(p, c).Rows() != 2000 {
		t.Error("the successor did not come to the end")
	}
	if w.faults.ops.Load() == ops {
		t.Error("the operations are not counted")
	}
	w.verify()
}

// Two attempts at once, one of them a zombie that nobody told: whichever way
// they interleave, the manifest holds.
func TestZombieChangesNothingThatAManifestNames(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 1200, mixed)
	_, ps := w.mustPlan("1", 5000)
	p := ps[0]
	zombie := make(chan error, 1)
	go func() {
		_, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), &journal{}))
		zombie <- err
	}()
	w.finish(p, pipeline.Begin(p))
	want := w.outcomes(p)
	if err := <-zombie; err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, w.outcomes(p)); d != "" {
		t.Error(d)
	}
	w.verify()
}

// What is granted stays within the pools, and each source is fetched with a
// grant that covers it.
func TestRowsThatFitNoPoolAreRefused(t *testing.T) {
	w := newWorld(t)
	w.engine = pipeline.NewEngine(w.fetcher, mirror{}, pipeline.NewAdmission(8<<20, 1<<20, 1<<19), 2)
	w.sources("a.parquet", 10, func(i int) string { return fmt.Sprintf("ok:%d", i) })
	_, ps := w.mustPlan("1", 100)
	counts := w.finish(ps[0], pipeline.Begin(ps[0]))
	if counts.Errors[pipeline.OverBudget] != 10 {
		t.Errorf("%+v", counts)
	}
	if !slices.Contains(pipeline.Classes, pipeline.OverBudget) {
		t.Error("no such class")
	}
}
