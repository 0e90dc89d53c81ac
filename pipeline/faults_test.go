package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pipeline"
)

// sparse is a file of which most rows fail or are null, so that a checkpoint of
// 256 rows takes few images.
func sparse(i int) string {
	switch i % 8 {
	case 0:
		return fmt.Sprintf("ok:%d", i)
	case 3:
		return ""
	}
	return fmt.Sprintf("404:%d", i)
}

// sparseRows is one checkpoint on the way, and one at the end.
const sparseRows = 270

// everyIndex calls try with 1, 2, 3, ... until it reports that nothing went
// wrong any more; with larger steps where all of them would take too long: in
// passing, and under the race detector.
func everyIndex(t *testing.T, step int64, try func(i int64) (reached bool)) {
	t.Helper()
	if os.Getenv("SLUICE_FAULTS") != "" { // make faults
		step = 1
	}
	tried := 0
	for i := int64(1); try(i) && !t.Failed(); i += step {
		tried++
	}
	t.Logf("%d indices", tried)
}

// Operation i on the stores, the dataset's and the output's, goes wrong, for
// each i until a run goes through without reaching it: in a run by itself, and
// in the run that takes over from one that broke off. A successor then takes
// over from what was accepted.
func TestFaultAtEveryIndex(t *testing.T) {
	for _, at := range []string{"mem", "file"} {
		for _, before := range []struct{ name, brokeOff string }{
			{"the first run", ""},
			{"after a run that broke off at its second part", "/part-"},
			{"after a run that broke off while publishing", pipeline.ManifestPrefix},
		} {
			for how, name := range faultNames {
				t.Run(fmt.Sprintf("%s/%s/%s", at, before.name, name), func(t *testing.T) {
					t.Parallel()
					everyIndex(t, 13, func(i int64) bool { return faultAt(t, at, before.brokeOff, how, i) })
				})
			}
		}
	}
}

// faultAt reports whether operation i was reached.
func faultAt(t *testing.T, at, brokeOff string, how fault, i int64) bool {
	w, left := newWorld(t), func() []string { return nil }
	if at == "file" {
		data, out := t.TempDir(), t.TempDir()
		w, left = newWorldAt(t, data, out), func() []string { return unlisted(t, w.out.Store, out) }
	}
	w.sources("a.parquet", sparseRows, sparse)
	a := &attempt{world: w}
	if how == slow {
		a.every = shortly
	}
	if brokeOff != "" {
		w.faults.arm(breakOff(brokeOff))
		if err := a.run(t.Context()); !errors.Is(err, errDown) {
			t.Fatalf("the run before ended with %v", err)
		}
	}
	w.faults.arm(only(i, how))
	err := a.run(t.Context())
	if err != nil && (!errors.Is(err, errDown) || how == slow) {
		t.Fatalf("operation %d: %v", i, err)
	}
	reached := w.faults.hits.Load() > 0
	w.faults.arm(nil)
	if err != nil {
		if err := a.run(t.Context()); err != nil {
			t.Fatalf("operation %d: after it, %v", i, err)
		}
	}
	a.check()
	if files := left(); len(files) > 0 {
		t.Errorf("files that are no objects are left: %q", files)
	}
	if t.Failed() {
		t.Fatalf("this was operation %d", i)
	}
	return reached
}

// breakOff refuses the last operation on what is named so, and what follows: the
// second part, or the manifest.
func breakOff(name string) func(n int64, key string) fault {
	var mu sync.Mutex
	parts := map[string]bool{}
	return func(_ int64, key string) fault {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(key, name) && strings.HasSuffix(key, ".parquet") {
			parts[key] = true
		}
		if len(parts) > strings.Count(name, "part-") {
			return refused
		}
		return none
	}
}

// attempt is a run of one partition, which can be made again until it succeeds.
type attempt struct {
	*world
	every    time.Duration        // between checkpoints; 0 is as ever
	accepted *pipeline.Checkpoint // what the server would hold
	granted  int64                // rows that were to be done, by all attempts together
}

func (a *attempt) run(ctx context.Context) error {
	_, ps, err := a.plan("1", 1000)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if err := a.process(ctx, p); err != nil {
			return err
		}
	}
	_, err = a.output.Finish(ctx, "_runs/1/", pipeline.Ending{Status: pipeline.Succeeded})
	return err
}

func (a *attempt) process(ctx context.Context, p pipeline.Partition) error {
	var hints []pipeline.Checkpoint
	if a.accepted != nil {
		hints = append(hints, *a.accepted)
	}
	from, err := a.output.Resume(ctx, p, hints...)
	if err != nil {
		return err
	}
	if a.accepted != nil && a.accepted.Later(from) {
		a.t.Errorf("it resumes from checkpoint %d, and %d was accepted", from.Seq, a.accepted.Seq)
	}
	a.granted += from.Remaining(p).Count()
	j := &copying{world: a.world, p: p}
	job := a.job(p, from, j)
	job.CheckpointEvery(a.every)
	last, err := a.engine.Process(ctx, job)
	if n := len(j.accepted); n > 0 {
		a.accepted = &j.accepted[n-1]
	}
	if err != nil {
		return err
	}
	_, err = a.output.Publish(ctx, p, last)
	return err
}

// check holds what has become of it all to the promises.
func (a *attempt) check() {
	a.t.Helper()
	if r := a.verify(); r.Counts.Rows() != r.Rows || r.Rows == 0 {
		a.t.Errorf("%+v", r)
	}
	if _, err := a.out.Stat(a.t.Context(), pipeline.SuccessKey); err != nil {
		a.t.Error(err)
	}
	for obj, err := range a.out.List(a.t.Context(), "_partitions/") {
		a.t.Errorf("%s is left (%v)", obj.Key, err)
	}
	if all, _ := a.fetcher.requests(); int64(all) > a.granted {
		a.t.Errorf("%d requests, and %d rows were to be done", all, a.granted)
	}
}

// unlisted are the files of a folder that are no objects of its store.
func unlisted(t *testing.T, s pipeline.Store, folder string) (files []string) {
	t.Helper()
	objects := map[string]bool{}
	for obj, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		objects[obj.Key] = true
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if key, _ := filepath.Rel(folder, path); err == nil && !d.IsDir() && !objects[filepath.ToSlash(key)] {
			files = append(files, key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// copying keeps a copy of each accepted checkpoint beside the output.
type copying struct {
	journal
	world *world
	p     pipeline.Partition
}

func (j *copying) Commit(ctx context.Context, c pipeline.Checkpoint) error {
	if err := j.journal.Commit(ctx, c); err != nil {
		return err
	}
	return j.world.output.SaveCopy(ctx, j.p, c)
}
