package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/s3test"
	"sluice/pipeline/storing"
)

// files are those below a folder, with their sizes and times, one a line.
func files(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		fmt.Fprintln(&all, path, info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// still checks that nothing below a folder changes for a while.
func still(t *testing.T, folder string, during time.Duration) {
	t.Helper()
	before := files(t, folder)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for until := time.After(during); ; {
		select {
		case <-tick.C:
			if now := files(t, folder); now != before {
				t.Fatalf("it was\n%s, and is\n%s", before, now)
			}
		case <-until:
			return
		}
	}
}

// cancel cancels a run that waits, and checks that it took no longer than it may.
func (r *rig) cancel(out string, wait func() result) {
	r.t.Helper()
	begun := time.Now()
	if res := r.starter("cancel", out); res.Status != "cancelled" {
		r.t.Errorf("cancel: %+v\n%s", res, res.stderr)
	}
	if took := time.Since(begun); took > 10*time.Second {
		r.t.Errorf("cancelling took %s", took)
	}
	if res := wait(); res.exit != 1 || res.Status != "cancelled" {
		r.t.Errorf("the run that was cancelled: %+v", res)
	}
}

// After a cancel nothing changes any more and nothing is half-written; what was
// committed says what was done, to any reader; and the next run goes on there.
func TestCancelAndGoOn(t *testing.T) {
	scenario(t)
	r := newQuietRig(t)
	const rows = 1200
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	r.worker()
	reached := r.origin.when(800)
	wait := r.start(in, out, "--waits", "1h")
	<-reached
	r.cancel(out, wait)
	still(t, out, 3*time.Second)
	if all := files(t, out); strings.Contains(all, ".tmp") {
		t.Errorf("something is half-written:\n%s", all)
	}
	partition, c := only(t, out)
	parts := read(t, filepath.Join(out, "_partitions", partition, "part-*.parquet"))
	if int64(len(parts)) != c.Counts.Rows() || stored(t, out, parts) != int(c.Counts.OK) {
		t.Errorf("the parts have %d rows, and the checkpoint counts %+v", len(parts), c.Counts)
	}
	if n := objects(t, out); n != len(parts) {
		t.Errorf("%d images are there, and %d are named", n, len(parts))
	}
	if res := r.run(in, out); res.exit != 0 || res.OK != rows || res.New != rows-int64(len(parts)) {
		t.Errorf("the run after it: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
	r.origin.notAgain(t, done(c), fine)
	if _, again := r.origin.requests(); again > mostInFlight {
		t.Errorf("the cancel cost %d rows", again)
	}
}

// A store that takes long over each write does not hold a cancel up, and is left
// without an open upload.
func TestCancelWhileTheStoreIsSlow(t *testing.T) {
	scenario(t)
	g := newGateway(t, s3test.Start(t))
	r := newQuietRig(t)
	out := g.bucket(t, "out")
	images := filepath.Join(g.s3.Folder("out"), "photos", "images")
	// Of so many bytes that each is uploaded in several parts.
	r.origin.large = [][]byte{large(1)}
	const rows = 10
	in := r.dataset("a.parquet", rows, func(i int) string { return fmt.Sprintf("/large/%d.jpg", i) })
	r.worker()
	as := []string{"--size", "2000x1500", "--format", "png"}
	wait := r.start(in, out, as...)
	await(t, "an image is stored", func() bool {
		_, err := os.Stat(images)
		return err == nil && strings.Contains(files(t, images), ".png")
	})
	g.misbehave(slowly(30 * time.Second))
	await(t, "writes hang", func() bool { return g.times() > 1 })
	begun := time.Now()
	ended := make(chan result, 1)
	go func() { ended <- r.starter("cancel", out) }()
	await(t, "ten seconds have passed", func() bool { return time.Since(begun) > 10*time.Second })
	// The store is well again: whoever still waits for a write stores now.
	g.misbehave(nil)
	still(t, images, 3*time.Second)
	if res := <-ended; res.Status != "cancelled" {
		t.Errorf("cancel: %+v\n%s", res, res.stderr)
	}
	// The partition is over by then; the run's summary still waits for its write.
	t.Logf("the run had ended after %s", time.Since(begun).Round(time.Second))
	wait()
	store, err := storing.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if open, err := store.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || open > 0 {
		t.Errorf("%d uploads are open, %v", open, err)
	}
	if res := r.run(in, out, as...); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("the run after it: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// objects counts the images below out.
func objects(t *testing.T, out string) (n int) {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(out, "images", "*", "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	return len(images)
}
