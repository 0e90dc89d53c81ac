package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A pause frees the workers within 5 s and holds, whatever is restarted
// meanwhile; the run goes on without doing a row again that was in a checkpoint.
func TestPauseAndResume(t *testing.T) {
	r := newQuietRig(t)
	const rows = 3000
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	w := r.worker()
	reached := r.origin.when(1000)
	// What watches over the failures goes on during a pause, and is no partition.
	wait := r.start(in, out, "--rows-per-partition", "600", "--tolerate", "50%",
		"--heartbeat-timeout", "15s") // so that no attempt is given up on a busy machine, and goes on asking
	<-reached
	begun := time.Now()
	if res := r.starter("pause", out, "--why", "a test"); res.exit != 0 || res.Status != "paused" {
		t.Fatalf("pause: %+v\n%s", res, res.stderr)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the workers were free after %s", took)
	}
	requests, _ := r.origin.requests()
	before := objects(t, out)
	kill(w)
	r.server.Kill()
	r.server.Restart()
	r.worker()
	await(t, "the status says that it is paused, and why", func() bool {
		said, err := r.command("status", out).Output()
		return err == nil && strings.HasPrefix(string(said), "paused") && strings.Contains(string(said), "a test")
	})
	if now, _ := r.origin.requests(); now != requests || objects(t, out) != before {
		t.Errorf("%d sources were asked for during the pause, and %d images appeared", now-requests, objects(t, out)-before)
	}
	if res := r.starter("resume", out); res.exit != 0 || res.Status != "running" {
		t.Errorf("resume: %+v\n%s", res, res.stderr)
	}
	if res := wait(); res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
	if _, again := r.origin.requests(); again > mostInFlight {
		t.Errorf("the pause cost %d rows", again)
	}
	if res := r.starter("pause", out); res.exit != 2 {
		t.Errorf("pausing what has ended: %+v", res)
	}
}

// A run that goes wrong stops long before its end, and goes on once the cause is
// gone.
func TestTooManyFailuresStopARun(t *testing.T) {
	scenario(t)
	r := newRig(t)
	const rows = 4000
	r.origin.delay = 10 * time.Millisecond
	in := r.dataset("a.parquet", rows, func(i int) string {
		if i%3 == 0 {
			return fmt.Sprintf("/gone/%d.jpg", i)
		}
		return fine(i)
	})
	out := filepath.Join(r.dir, "out")
	r.worker()
	res := r.run(in, out, "--tolerate", "10%")
	if res.exit != 1 || !strings.Contains(res.Error, "more than the 10% tolerated") || !strings.Contains(res.Error, "http_4xx") {
		t.Fatalf("%+v\n%s", res, res.stderr)
	}
	requests, _ := r.origin.requests()
	if requests >= rows {
		t.Errorf("it was stopped after %d rows of %d", requests, rows)
	}
	r.origin.heal("gone")
	if res := r.run(in, out, "--tolerate", "100%"); res.exit != 0 || res.Rows != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	if _, again := r.origin.requests(); again > mostInFlight {
		t.Errorf("stopping cost %d rows", again)
	}
	if res := r.starter("retry", out, "--wait"); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("retry: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// Of some rows 3 % failed: retrying them touches no other, at the origin and in the
// store, and takes a fraction of the run. Of 20,000 (make scenarios) that is held
// to.
func TestRetryTouchesOnlyWhatFailed(t *testing.T) {
	r := newRig(t)
	rows, whole := 4000, os.Getenv("SLUICE_SCENARIOS") != ""
	if whole {
		rows = 20_000
	}
	bad := rows * 3 / 100
	in := r.dataset("a.parquet", rows, func(i int) string {
		if i%(rows/bad) == 0 && i/(rows/bad) < bad {
			return fmt.Sprintf("/busy/%d.jpg", i)
		}
		return fine(i)
	})
	out := filepath.Join(r.dir, "out")
	r.worker()
	begun := time.Now()
	if res := r.run(in, out, "--waits", "none"); res.exit != 0 || res.Failed != int64(bad) {
		t.Fatalf("%+v\n%s", res, res.stderr)
	}
	took := time.Since(begun)
	images := modified(t, out)
	requests, _ := r.origin.requests()
	r.origin.heal("busy")

	begun = time.Now()
	if res := r.starter("retry", out, "--wait"); res.exit != 0 || res.New != int64(bad) || res.OK != int64(rows) {
		t.Fatalf("%+v\n%s", res, res.stderr)
	}
	retrying := time.Since(begun)
	if now, _ := r.origin.requests(); now-requests != bad {
		t.Errorf("%d requests for %d rows", now-requests, bad)
	}
	now := modified(t, out)
	for image, when := range images {
		if !now[image].Equal(when) {
			t.Fatalf("%s was written again", image)
		}
	}
	if len(now)-len(images) != bad {
		t.Errorf("%d images are new", len(now)-len(images))
	}
	t.Logf("the run took %s, the retry %s", took.Round(time.Millisecond), retrying.Round(time.Millisecond))
	if whole && retrying > took/10 {
		t.Errorf("the run took %s, and the retry %s", took, retrying)
	}
	r.verify(out)
}

// modified is when each image below out was written.
func modified(t *testing.T, out string) map[string]time.Time {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(out, "images", "*", "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	when := map[string]time.Time{}
	for _, image := range images {
		info, err := os.Stat(image)
		if err != nil {
			t.Fatal(err)
		}
		when[image] = info.ModTime()
	}
	return when
}
