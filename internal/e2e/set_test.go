package e2e

import (
	"path/filepath"
	"testing"
	"time"
)

// A run is turned down while it is at work, and turned up again; the origin sees
// it. The worker itself has no limit here: the origin is in a network of its own.
func TestSetPerHostReachesTheOrigin(t *testing.T) {
	scenario(t)
	r := newRig(t)
	const rows, limit = 1500, 2
	r.origin.delay = 30 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	r.worker()
	reached := r.origin.when(300)
	wait := r.start(in, out, "--rows-per-partition", "500")
	<-reached
	if most := r.origin.crowded(); most <= limit {
		t.Fatalf("only %d requests at once before", most)
	}
	if res := r.starter("set", out, "--per-host", "2"); res.exit != 0 {
		t.Fatalf("set: %+v\n%s", res, res.stderr)
	}
	await(t, "the run is turned down", func() bool {
		r.origin.crowded()
		<-r.origin.when(10)
		return r.origin.crowded() <= limit
	})
	<-r.origin.when(100)
	if most := r.origin.crowded(); most > limit {
		t.Errorf("%d requests at once after", most)
	}
	if res := r.starter("set", out, "--per-host", "0"); res.exit != 0 {
		t.Fatalf("set: %+v\n%s", res, res.stderr)
	}
	await(t, "the run is turned up", func() bool { return r.origin.crowded() > limit })
	if res := wait(); res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// What a run begins with holds from its first request on.
func TestRunPerHost(t *testing.T) {
	r := newRig(t)
	in, out := r.dataset("a.parquet", 100, fine), filepath.Join(r.dir, "out")
	r.worker()
	if res := r.run(in, out, "--per-host", "1", "--rows-per-partition", "50"); res.exit != 0 || res.OK != 100 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	if most := r.origin.crowded(); most != 1 {
		t.Errorf("%d requests at once", most)
	}
}
