package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Rows that failed are done again, and no other; what is damaged is found and
// repaired; and what nothing names is removed.
func TestRetryRepairCollect(t *testing.T) {
	r := newRig(t)
	const rows = 600
	in := r.dataset("a.parquet", rows, func(i int) string {
		switch i % 100 {
		case 7:
			return fmt.Sprintf("/busy/%d.jpg", i)
		case 8:
			return fmt.Sprintf("/gone/%d.jpg", i)
		}
		return fine(i)
	})
	out := filepath.Join(r.dir, "out")
	r.worker()
	if res := r.run(in, out, "--rows-per-partition", "200", "--waits", "none"); res.exit != 0 || res.OK != rows-12 {
		t.Fatalf("%+v\n%s", res, res.stderr)
	}

	r.origin.heal("busy")
	before, _ := r.origin.requests()
	if res := r.starter("retry", out, "--class", "http_5xx", "--wait"); res.exit != 0 || res.New != 6 || res.OK != rows-6 || res.Rows != rows || res.Errors["http_4xx"] != 6 {
		t.Errorf("retry: %+v\n%s", res, res.stderr)
	}
	if after, _ := r.origin.requests(); after-before != 6 {
		t.Errorf("retrying 6 rows took %d requests", after-before)
	}
	if res := r.starter("retry", out, "--class", "http_5xx", "--wait"); res.exit != 0 || res.New != 0 || res.OK != rows-6 {
		t.Errorf("a retry of nothing: %+v\n%s", res, res.stderr)
	}
	r.verify(out)

	images, err := filepath.Glob(filepath.Join(out, "images", "*", "*.jpg"))
	if err != nil || len(images) != rows-6 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	manifests, err := filepath.Glob(filepath.Join(out, "manifest", "*.parquet"))
	if err != nil || len(manifests) != 3 {
		t.Fatalf("%d manifests, %v", len(manifests), err)
	}
	for _, spoil := range []error{
		os.Remove(images[0]),
		os.Truncate(images[1], 100),
		os.WriteFile(images[2], photo(1), 0o644),
		os.WriteFile(manifests[2], []byte("PAR1 no more PAR1"), 0o644),
	} {
		if spoil != nil {
			t.Fatal(spoil)
		}
	}
	if v := r.starter("verify", out, "--deep"); v.exit != 1 || v.Found < 4 {
		t.Errorf("verify: %+v\n%s", v, v.stderr)
	}
	before, _ = r.origin.requests()
	if v := r.starter("verify", out, "--deep", "--repair"); v.exit != 0 || v.Found != 0 {
		t.Errorf("repair: %+v\n%s", v, v.stderr)
	}
	if after, _ := r.origin.requests(); after-before != 200+3 {
		t.Errorf("repairing a partition of 200 rows and three images took %d requests", after-before)
	}

	stray := filepath.Join(filepath.Dir(images[0]), "000000000-0123456789abcdef.jpg")
	if err := os.WriteFile(stray, photo(1), 0o644); err != nil {
		t.Fatal(err)
	}
	temporary := images[0] + ".18d2f0c3a4b5c6d7.tmp"
	if err := os.WriteFile(temporary, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if c := r.starter("gc", out); c.exit != 0 || c.Images != 0 || c.Young != 1 {
		t.Errorf("gc before the horizon: %+v\n%s", c, c.stderr)
	}
	if c := r.starter("gc", out, "--horizon", "0s"); c.exit != 0 || c.Images != 1 || c.Named != rows-6 || c.Unfinished != 1 {
		t.Errorf("gc: %+v\n%s", c, c.stderr)
	}
	for _, gone := range []string{stray, temporary} {
		if _, err := os.Stat(gone); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", gone, err)
		}
	}
	r.verify(out)
}
