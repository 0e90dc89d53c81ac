package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"sluice/pipeline"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

// What is cut off is ok where that is asked for, and its row says so; what is no
// image at all is not.
func TestTruncatedImagesAreAcceptedWhereAsked(t *testing.T) {
	r := newRig(t)
	in := r.dataset("a.parquet", 60, func(i int) string {
		switch i % 10 {
		case 0:
			return fmt.Sprintf("/cut/%d.jpg", i)
		case 1:
			return fmt.Sprintf("/html/%d.jpg", i)
		}
		return fine(i)
	})
	r.worker()
	for _, c := range []struct {
		flags []string
		ok    int64
	}{{nil, 48}, {[]string{"--accept-truncated"}, 54}} {
		out := filepath.Join(r.dir, fmt.Sprintf("out of %d", c.ok))
		res := r.run(in, out, c.flags...)
		if res.exit != 0 || res.OK != c.ok || res.Errors["unsupported"] != 6 {
			t.Errorf("%v: %+v\n%s", c.flags, res, res.stderr)
		}
		r.verify(out)
		store, err := storing.Open(t.Context(), out, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		said := 0
		for obj, err := range store.List(t.Context(), pipeline.ManifestPrefix) {
			if err != nil {
				t.Fatal(err)
			}
			for o, err := range tables.New().Scan(t.Context(), store, obj.Key) {
				if err != nil {
					t.Fatal(err)
				}
				if o.Row%10 != 0 {
					continue
				}
				accepted := o.Status == pipeline.OK && o.Width == 256 && o.Message != ""
				if o.Class != pipeline.Truncated || accepted != (c.flags != nil) {
					t.Errorf("%v: row %d is %s, %s, %q", c.flags, o.Row, o.Status, o.Class, o.Message)
				}
				said++
			}
		}
		if said != 6 {
			t.Errorf("%v: %d rows of 6", c.flags, said)
		}
	}
}
