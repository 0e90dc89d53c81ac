package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pipeline"
)

func (w *world) collect(req pipeline.CollectRequest) pipeline.Collected {
	w.t.Helper()
	req.Run = "_runs/gc/"
	c, err := w.output.Collect(w.t.Context(), req, func(pipeline.Collected) {})
	if err != nil {
		w.t.Fatal(err)
	}
	if left := w.keys(req.Run); len(left) > 0 {
		w.t.Errorf("left: %v", left)
	}
	return c
}

// keys are the keys under prefix.
func (w *world) keys(prefix string) (keys []string) {
	w.t.Helper()
	for obj, err := range w.out.List(w.t.Context(), prefix) {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, obj.Key)
	}
	return keys
}

func TestCollectRemovesWhatNothingNames(t *testing.T) {
	for _, c := range []struct {
		name string
		// litter is done beside a finished run over 100 rows of a.parquet, in
		// partitions of 50.
		litter func(w *world)
		images int64 // to be removed
		work   int64
		stays  int64 // images
	}{
		{"nothing", func(*world) {}, 0, 0, 100},
		{"a zombie's images and parts", func(w *world) {
			p := w.plan1()[0]
			w.write(pipeline.ImagePrefix+p.Name+"/000000001-0123456789abcdef.jpg", p.WorkPrefix()+"part-zombie-00000.parquet")
		}, 1, 1, 100},
		{"images of a version that was replaced", func(w *world) {
			w.sources("a.parquet", 30, func(i int) string { return fmt.Sprintf("ok:other %d", i) })
			w.run("2", 50)
		}, 100, 0, 30},
		{"the work on a version that was replaced", func(w *world) {
			w.sources("b.parquet", 300, fine)
			w.halfway()
			w.sources("b.parquet", 10, fine)
			w.run("3", 50)
		}, 0, 0, 110}, // what is removed depends on where it was stopped
		{"the work of a cut, after another one was done", func(w *world) {
			w.sources("b.parquet", 300, fine)
			w.halfway()
			w.run("3", 100)
		}, 0, 0, 400},
		{"what a verification has left", func(w *world) {
			w.write(pipeline.VerifyPrefix + "x/repairs-00000.json")
		}, 0, 1, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipeline.NameAtOnce(30, t.Cleanup) // in several shares
			w := newWorld(t)
			w.sources("a.parquet", 100, fine)
			w.run("1", 50)
			c.litter(w)
			before := len(w.keys(""))
			if would := w.collect(pipeline.CollectRequest{DryRun: true}); len(w.keys("")) != before || would.Named != c.stays {
				t.Errorf("a dry run removed %d objects, and says %+v", before-len(w.keys("")), would)
			}
			if young := w.collect(pipeline.CollectRequest{Horizon: time.Hour}); len(w.keys("")) != before {
				t.Errorf("what is young went: %+v", young)
			}
			got := w.collect(pipeline.CollectRequest{})
			if c.images+c.work > 0 && (got.Images != c.images || got.Work != c.work) || got.Named != c.stays {
				t.Errorf("%+v; want %d images and %d of work removed, %d named", got, c.images, c.work, c.stays)
			}
			if left := w.keys("_partitions/"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if n := int64(len(w.keys(pipeline.ImagePrefix))); n != c.stays {
				t.Errorf("%d images are left, want %d", n, c.stays)
			}
			w.verify()
			if again := w.collect(pipeline.CollectRequest{}); again.Images+again.Work != 0 {
				t.Errorf("a second time: %+v", again)
			}
		})
	}
}

// write makes objects.
func (w *world) write(keys ...string) {
	w.t.Helper()
	for _, key := range keys {
		if err := w.out.Write(w.t.Context(), key, []byte("x"), nil); err != nil {
			w.t.Fatal(err)
		}
	}
}

// halfway plans run 2 and stops in the middle of its first partition.
func (w *world) halfway() pipeline.Partition {
	w.t.Helper()
	_, ps := w.mustPlan("2", 1000)
	p := ps[0]
	j := &copying{world: w, p: p}
	j.refuse = func(n int) error {
		if n == 2 {
			return errors.New("refused")
		}
		return nil
	}
	if _, err := w.engine.Process(w.t.Context(), w.job(p, pipeline.Begin(p), j)); err == nil {
		w.t.Fatal("it came to its end")
	}
	return p
}

// What a run that was cut off has done is not lost by collecting.
func TestCollectKeepsWhatTheNextRunGoesOnFrom(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 2000, fine)
	w.sources("b.parquet", 10, func(i int) string { return fmt.Sprintf("ok:b%d", i) })
	p := w.halfway()
	stray := pipeline.ImagePrefix + p.Name + "/000000001-0123456789abcdef.jpg"
	w.write(stray, p.WorkPrefix()+"part-zombie-00000.parquet")
	got := w.collect(pipeline.CollectRequest{})
	if got.Images == 0 || got.Work != 2 || got.Named == 0 { // the zombie's part, and the refused one
		t.Errorf("%+v", got)
	}
	w.fetcher.fetched = map[string]int{}
	from, err := w.output.Resume(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if from.Counts.OK != got.Named || from.Counts.OK < 256 {
		t.Errorf("resumed from %d rows, and %d images are named", from.Counts.OK, got.Named)
	}
	_, ps := w.mustPlan("3", 1000)
	for i, q := range ps {
		c := pipeline.Begin(q)
		if i == 0 {
			c = from
		}
		w.finish(q, c)
	}
	if all, most := w.fetcher.requests(); int64(all) != 2010-from.Counts.OK || most != 1 {
		t.Errorf("%d rows were fetched, one of them %d times", all, most)
	}
	if strings.Contains(strings.Join(w.keys(""), " "), stray) {
		t.Error("the stray image is left")
	}
	w.verify()
}

// While a manifest cannot be read, nobody knows what it names.
func TestCollectRemovesNoImageBesideADamagedManifest(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 100, fine)
	w.run("1", 50)
	w.write(w.plan1()[0].ManifestKey())
	if _, err := w.output.Collect(t.Context(), pipeline.CollectRequest{Run: "_runs/gc/"}, func(pipeline.Collected) {}); err == nil {
		t.Error("no error")
	}
	if n := len(w.keys(pipeline.ImagePrefix)); n != 100 {
		t.Errorf("%d images of 100 are left", n)
	}
}
