package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// A file that changes while its partition is processed fails the partition by
// its name, and no other; none of its rows is published; and the next run does
// what is there then.
func TestTheDatasetChangesUnderARun(t *testing.T) {
	scenario(t)
	r := newRig(t)
	r.worker()
	const rows, other = 3000, 30
	// In row groups, so that most of it is still to be read.
	groups := parquet.MaxRowsPerRowGroup(300)
	for _, c := range []struct {
		name   string
		change func(g *growing, file string) error
		mend   func(g *growing)
		says   string
	}{
		{
			name: "replaced", says: "it changed",
			change: func(g *growing, _ string) error { g.put("a.parquet", 400, groups); return nil },
			mend:   func(*growing) {},
		},
		{
			name: "written over in its place", says: "it changed",
			change: func(g *growing, file string) error {
				g.put("b.parquet", 400, groups)
				data, err := os.ReadFile(filepath.Join(g.folder, "b.parquet"))
				if err != nil {
					return err
				}
				g.remove("b.parquet")
				return os.WriteFile(file, data, 0o644)
			},
			mend: func(g *growing) { g.put("a.parquet", 200) },
		},
		{
			name: "truncated", says: "it changed",
			change: func(_ *growing, file string) error { return os.Truncate(file, 5000) },
			mend:   func(g *growing) { g.put("a.parquet", 200) },
		},
		{
			name: "deleted", says: "gone",
			change: func(g *growing, _ string) error { g.remove("a.parquet"); return nil },
			mend:   func(*growing) {},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t, r.dir = t, t.TempDir()
			r.origin.slow(5 * time.Millisecond)
			g := &growing{r: r, folder: filepath.Join(r.dir, "in"), files: map[string][]string{}}
			out := filepath.Join(r.dir, "out")
			g.put("a.parquet", rows, groups)
			g.put("z.parquet", other)
			reached := r.origin.when(400)
			wait := r.start(g.folder, out)
			<-reached
			if err := c.change(g, filepath.Join(g.folder, "a.parquet")); err != nil {
				t.Fatal(err)
			}
			res := wait()
			if res.exit != 1 || res.OK != other || !strings.Contains(res.Error, "a.parquet: ") || !strings.Contains(res.Error, c.says) {
				t.Errorf("%+v\n%s", res, res.stderr)
			}
			t.Log(res.Error)
			for _, row := range manifests(t, out) {
				if row.File != "z.parquet" {
					t.Fatalf("row %d of %s is published", row.Row, row.File)
				}
			}
			r.origin.slow(0)
			c.mend(g)
			if res := r.run(g.folder, out); res.exit != 0 || res.OK != int64(other+len(g.files["a.parquet"])) {
				t.Errorf("the next run: %+v\n%s", res, res.stderr)
			}
			g.check(out)
			r.verify(out)
		})
	}
}
