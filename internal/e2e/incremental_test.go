package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// growing is a dataset that changes between runs, and what it holds now.
type growing struct {
	r      *rig
	folder string
	files  map[string][]string // paths of the sources, by file
	made   int                 // sources so far
}

type growingRow struct {
	Path string `parquet:"path"`
	ID   int64  `parquet:"id"`
}

// put writes a file of rows that no file had before.
func (g *growing) put(file string, rows int, opts ...parquet.WriterOption) {
	paths := make([]string, rows)
	for i := range paths {
		paths[i] = fine(g.made)
		g.made++
	}
	g.write(file, paths, opts...)
}

func (g *growing) write(file string, paths []string, opts ...parquet.WriterOption) {
	g.r.t.Helper()
	rows := make([]growingRow, len(paths))
	for i, p := range paths {
		rows[i] = growingRow{g.r.origin.URL + p, int64(i)}
	}
	// Beside the file, then in its place: no run sees half of one.
	part := filepath.Join(g.r.dir, "part")
	if err := parquet.WriteFile(part, rows, opts...); err != nil {
		g.r.t.Fatal(err)
	}
	to := filepath.Join(g.folder, file)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		g.r.t.Fatal(err)
	}
	if err := os.Rename(part, to); err != nil {
		g.r.t.Fatal(err)
	}
	g.files[file] = paths
}

func (g *growing) remove(file string) {
	g.r.t.Helper()
	if err := os.Remove(filepath.Join(g.folder, file)); err != nil {
		g.r.t.Fatal(err)
	}
	delete(g.files, file)
}

// numbers are those from one on and before another.
func numbers(from, to int) (ns []int) {
	for n := from; n < to; n++ {
		ns = append(ns, n)
	}
	return ns
}

// check holds the manifests against what the files hold now: each row once, and
// of a file that is there nothing else.
func (g *growing) check(out string) {
	g.r.t.Helper()
	found := map[string]int{} // by file, row and source
	for _, row := range manifests(g.r.t, out) {
		if _, ok := g.files[row.File]; ok {
			found[fmt.Sprint(row.File, row.Row, *row.Source)]++
		}
	}
	rows := 0
	for file, paths := range g.files {
		for i, p := range paths {
			rows++
			if n := found[fmt.Sprint(file, i, g.r.origin.URL+p)]; n != 1 {
				g.r.t.Fatalf("row %d of %s is in the manifests %d times", i, file, n)
			}
		}
	}
	if len(found) != rows {
		g.r.t.Errorf("%d rows are in the manifests, and %d in the files", len(found), rows)
	}
}

// Runs over a dataset that changes between them: at the end of each, every row
// that there is now stands in the manifests once, and nothing of what was
// replaced does.
func TestRunsFollowTheDataset(t *testing.T) {
	scenario(t)
	r := newRig(t)
	g := &growing{r: r, folder: filepath.Join(r.dir, "in"), files: map[string][]string{}}
	out := filepath.Join(r.dir, "out")
	r.worker()
	// halfway replaces b.parquet, and cancels the run over it when the first of
	// its three partitions is published.
	halfway := func() {
		g.put("b.parquet", 300)
		r.origin.slow(20 * time.Millisecond)
		defer r.origin.slow(0)
		reached := r.origin.when(150)
		wait := r.start(g.folder, out, "--rows-per-partition", "100", "--in-flight", "1")
		<-reached
		r.starter("cancel", out)
		if res := wait(); res.exit != 1 || res.Status != "cancelled" {
			r.t.Fatalf("the run that was cancelled: %+v\n%s", res, res.stderr)
		}
		// Beside those of the version that was replaced, which are there until a run
		// has succeeded.
		ended := slices.ContainsFunc(read(r.t, filepath.Join(out, "manifest", "b-*-0of3.parquet")), func(row manifestRow) bool {
			return *row.Source == r.origin.URL+g.files["b.parquet"][99]
		})
		if !ended {
			r.t.Fatal("the first partition is not published")
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		args   []string
		fresh  int // rows that the run does; -1 is those of b.parquet that are missing
	}{
		{name: "the first files", fresh: 500, change: func() {
			g.put("a.parquet", 100)
			g.put("b.parquet", 300)
			g.put("deep/c.parquet", 100)
		}},
		{name: "nothing changes", fresh: 0, change: func() {}},
		{name: "nothing changes but --rows-per-partition", args: []string{"--rows-per-partition", "30"}, fresh: 0, change: func() {}},
		{name: "a file is added", fresh: 50, change: func() { g.put("d.parquet", 50) }},
		{name: "a file is replaced", fresh: 120, change: func() { g.put("a.parquet", 120) }},
		{name: "a file is replaced by a shorter one", fresh: 10, change: func() { g.put("d.parquet", 10) }},
		{name: "a file is rewritten with other row groups", fresh: 100, change: func() {
			g.write("deep/c.parquet", g.files["deep/c.parquet"], parquet.MaxRowsPerRowGroup(10))
		}},
		{name: "a file is deleted", fresh: 0, change: func() { g.remove("d.parquet") }},
		{name: "it comes back, and another one is replaced", fresh: 70, change: func() {
			g.put("d.parquet", 20)
			g.put("deep/c.parquet", 50)
		}},
		{name: "a file is replaced, and the run is cancelled half-way", args: []string{"--rows-per-partition", "100"}, fresh: -1, change: halfway},
		{name: "the same, and the next run has another --rows-per-partition", args: []string{"--rows-per-partition", "150"}, fresh: 300, change: halfway},
		{name: "the same, and the file is replaced once more", fresh: 200, change: func() {
			halfway()
			g.put("b.parquet", 200)
		}},
		{name: "all files are replaced by one", fresh: 40, change: func() {
			for file := range g.files {
				g.remove(file)
			}
			g.put("e.parquet", 40)
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			r.t = t
			step.change()
			res := r.run(g.folder, out, step.args...)
			if step.fresh < 0 {
				r.origin.notAgain(t, numbers(g.made-300, g.made-200), fine)
			}
			if res.exit != 0 || step.fresh >= 0 && res.New != int64(step.fresh) {
				t.Fatalf("%+v, and %d rows are new\n%s", res, step.fresh, res.stderr)
			}
			g.check(out)
			r.verify(out)
		})
	}
}
