package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// night is what the starter prints of a night.
type night struct {
	Status string `json:"status"`
	New    int64  `json:"new"`
	Rows   int64  `json:"rows"`
	Said   string `json:"said"`
}

// trigger has a night now, and waits for its end.
func (r *rig) trigger(schedule string) (n night, exit int) {
	r.t.Helper()
	cmd := r.command("schedule", "trigger", schedule, "--wait", "--json")
	stdout, _ := cmd.Output() // its status says how it ended
	if err := json.Unmarshal(stdout, &n); err != nil {
		r.t.Fatalf("trigger: %q is not JSON: %v", stdout, err)
	}
	return n, cmd.ProcessState.ExitCode()
}

// A week of nights over a dataset that grows and changes, with one that fails
// and one that finds a run open in it: at the end each row is there, once, and
// none was fetched twice.
func TestAWeekOfNights(t *testing.T) {
	r := newRig(t)
	r.worker()
	in, out := filepath.Join(r.dir, "in"), filepath.Join(r.dir, "out")
	sources := 0 // each row ever has one of its own
	rows := map[string][]string{}
	write := func(file string, n int) {
		t.Helper()
		paths := make([]string, n)
		for i := range paths {
			paths[i] = fine(sources)
			sources++
		}
		rows[file] = paths
		r.dataset(file, n, func(i int) string { return paths[i] })
	}
	requests := func() int { all, _ := r.origin.requests(); return all }
	tonight := func(name string, status string, exit int, newRows int64, said string) {
		t.Helper()
		n, got := r.trigger("nightly")
		if n.Status != status || got != exit || n.New != newRows || !strings.Contains(n.Said, said) {
			t.Errorf("%s: exit status %d, %+v; want %d, %s, %d new, %q", name, got, n, exit, status, newRows, said)
		}
	}

	write("a.parquet", 100)
	created := r.starter("schedule", "create", "nightly", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin",
		"--input", in, "--output", out, "--rows-per-partition", "60", "--heartbeat-timeout", "3s", "--waits", "1s,1s")
	if created.exit != 0 {
		t.Fatalf("create: %+v\n%s", created, created.stderr)
	}
	tonight("Monday, everything", "succeeded", 0, 100, "100 new; 100 ok, 0 failed")

	write("b.parquet", 80)
	broken := filepath.Join(in, "c.parquet")
	if err := os.WriteFile(broken, []byte("PAR1 this is no footer PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	tonight("Tuesday, a broken file", "failed", 1, 80, "c.parquet")

	write("c.parquet", 70)
	tonight("Wednesday, mended", "succeeded", 0, 70, "70 new; 250 ok")

	before := requests()
	tonight("Thursday, nothing", "succeeded", 0, 0, "nothing new; 250 ok")
	if after := requests(); after != before {
		t.Errorf("a night with nothing new took %d requests", after-before)
	}

	// Friday, somebody has a run open, which is in its middle.
	write("d.parquet", 150)
	r.origin.hold()
	reached := r.origin.when(1)
	wait := r.start(in, out, "--rows-per-partition", "60")
	<-reached
	write("e.parquet", 40) // after its plan
	tonight("Friday, skipped", "skipped", 0, 0, "skipped: a run of file://"+out+" is open since 20")
	r.origin.release()
	if res := wait(); res.exit != 0 || res.New != 150 {
		t.Errorf("the run that was open: %+v\n%s", res, res.stderr)
	}

	write("a.parquet", 120) // other rows, in the place of those of Monday
	tonight("Saturday, what was skipped and what has changed", "succeeded", 0, 160, "160 new; 460 ok")

	// Sunday, somebody does the nights of last week again, all at once.
	before = requests()
	if res := r.starter("schedule", "backfill", "nightly", "--from", "2026-01-05", "--to", "2026-01-11 12:00", "--overlap", "buffer-all"); res.exit != 0 {
		t.Errorf("backfill: %+v\n%s", res, res.stderr)
	}
	var week struct {
		Nights []night `json:"nights"`
	}
	await(t, "the nights of last week", func() bool {
		stdout, err := r.command("schedule", "describe", "nightly", "--json").Output()
		if err != nil || json.Unmarshal(stdout, &week) != nil {
			return false
		}
		nothing := 0
		for _, n := range week.Nights {
			if n.Status == "succeeded" && strings.HasPrefix(n.Said, "nothing new") {
				nothing++
			}
		}
		return nothing == 7
	})
	if after := requests(); after != before {
		t.Errorf("a backfill of a week took %d requests", after-before)
	}

	r.verify(out)
	var want []string
	for file, paths := range rows {
		for i, path := range paths {
			want = append(want, fmt.Sprintf("%s %d %s ok", file, i, path))
		}
	}
	slices.Sort(want)
	if got := r.manifested(out); !slices.Equal(got, want) {
		t.Errorf("the manifests name %d rows, and the dataset has %d; they are not the same", len(got), len(want))
	}
	if all, again := r.origin.requests(); all != sources || again != 0 {
		t.Errorf("%d requests, %d of them again, for %d rows", all, again, sources)
	}
}

// manifested is each row of the manifests: its file, number, source's path and
// status, in order.
func (r *rig) manifested(out string) (lines []string) {
	r.t.Helper()
	type row struct {
		File   string `parquet:"file"`
		Row    int64  `parquet:"row"`
		Source string `parquet:"source,optional"`
		Status string `parquet:"status"`
	}
	files, err := filepath.Glob(filepath.Join(out, "manifest", "*.parquet"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range files {
		rows, err := parquet.ReadFile[row](file)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, w := range rows {
			lines = append(lines, fmt.Sprintf("%s %d %s %s", w.File, w.Row, strings.TrimPrefix(w.Source, r.origin.URL), w.Status))
		}
	}
	slices.Sort(lines)
	return lines
}
