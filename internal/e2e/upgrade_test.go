package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// released is the commit whose worker is the old one: the last before `starter
// retry`, `verify --repair` and `gc`.
const released = "5e2bdc9"

// older builds the worker of that commit, once.
func older(t *testing.T) string {
	t.Helper()
	path := bin("released/worker-" + released)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if out, err := exec.Command("git", "rev-parse", "--verify", "--quiet", released+"^{commit}").CombinedOutput(); err != nil {
		t.Skipf("no history that reaches back to %s, such as in a shallow clone: %v %s", released, err, out)
	}
	source := t.TempDir()
	for _, step := range []string{
		fmt.Sprintf("git -C ../.. archive %s | tar -x -C %s", released, source),
		fmt.Sprintf("cd %s && go build -buildvcs=false -o %s.new ./worker && mv %s.new %s", source, path, path, path),
	} {
		if out, err := exec.Command("sh", "-c", step).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", step, err, out)
		}
	}
	return path
}

// An old and a new worker are at one run together, and each goes on from what
// the other one has left: workflows, partitions and checkpoints change hands in
// both directions.
func TestOldAndNewWorkersShareARun(t *testing.T) {
	scenario(t)
	old := older(t)
	r := newRig(t)
	const rows = 2400
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	w := r.program(old, nil)
	reached := r.origin.when(500)
	wait := r.start(in, out, "--rows-per-partition", "800")
	for _, next := range []string{bin("worker"), old, bin("worker")} {
		<-reached
		reached = r.origin.when(500)
		heir := r.program(next, nil)
		kill(w)
		w = heir
	}
	both := r.program(old, nil)
	if res := wait(); res.exit != 0 || res.OK != rows || res.Rows != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	kill(both) // of verifying it knows another order
	r.verify(out)
	all, again := r.origin.requests()
	t.Logf("%d requests, %d of them again", all, again)
	if again > 3*(256+mostInFlight) {
		t.Errorf("three kills cost %d rows", again)
	}
}
