package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// More runs than a worker has places for light steps, all open at once: what
// watches over them takes none of the places that their other steps need.
func TestManyRunsOnOneWorker(t *testing.T) {
	r := newRig(t)
	const runs, rows = 20, 30
	in := r.dataset("a.parquet", rows, fine)
	r.worker()
	r.origin.hold()
	var outs []string
	var waits []func() result
	for i := range runs {
		out := filepath.Join(r.dir, fmt.Sprint("out", i))
		outs = append(outs, out)
		waits = append(waits, r.start(in, out, "--tolerate", "5%"))
	}
	for _, out := range outs {
		await(t, "the run is planned", func() bool {
			s := r.starter("status", out) // there is no run, at first
			return s.exit == 0 && s.Rows == rows
		})
	}
	r.origin.release()
	for i, wait := range waits {
		if res := wait(); res.exit != 0 || res.OK != rows {
			t.Errorf("run %d: %+v\n%s", i, res, res.stderr)
		}
	}
}
