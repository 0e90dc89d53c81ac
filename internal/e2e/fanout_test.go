package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Many partitions of a row or two, enough of them for slices, through the whole
// of it: a plan, children, a manifest each. `make fanout` does 2,000.
func TestManySmallPartitions(t *testing.T) {
	partitions := 330
	if s := os.Getenv("SLUICE_FANOUT"); s != "" {
		var err error
		if partitions, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	rows := 2*partitions - 1
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	r.worker()
	begun := time.Now()
	res := r.run(in, out, "--rows-per-partition", "2", "--heartbeat-timeout", "1m")
	if res.exit != 0 || res.OK != int64(rows) || res.Partitions != partitions {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	t.Logf("%.1f partitions/s", float64(partitions)/time.Since(begun).Seconds())
	if manifests, err := filepath.Glob(filepath.Join(out, "manifest", "*.parquet")); err != nil || len(manifests) != partitions {
		t.Errorf("%d manifests, %v", len(manifests), err)
	}
	r.verify(out)
}
