package chaos

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a run takes when it is not said.
const (
	defaultSeed = 1
	workerCount = 3
)

// SLUICE_CHAOS_MINUTES is for how long everything is attacked, SLUICE_CHAOS_SEED
// how, SLUICE_CHAOS_FOLDER where the logs go (a folder in ../../tmp/chaos), and
// SLUICE_BIN where the programs are.
func TestChaos(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("SLUICE_CHAOS_MINUTES"), 64)
	if err != nil {
		t.Skip("make chaos SEED=n MINUTES=m")
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("SLUICE_CHAOS_SEED"), strconv.Itoa(defaultSeed)), 10, 64)
	if err != nil {
		t.Fatalf("SLUICE_CHAOS_SEED: %v", err)
	}
	length := time.Duration(minutes * float64(time.Minute))
	folder := makeFolder(t, seed)
	steps := Plan(seed, length, workerCount)
	t.Logf("seed %d, %s, %d disturbances; the logs are in %s", seed, length, len(steps), folder)
	for _, s := range steps {
		t.Log(s)
	}

	w := newWorld(t, folder, workerCount)
	t.Cleanup(func() { w.keep(t.Failed()) })
	c := &trial{world: w, reader: newReader(w), seed: seed, length: length}
	c.runs = newRuns(w, c.reader, seed)
	c.attack = &attack{world: w, runs: c.runs}
	c.run(steps)
	if wrong := w.wrong(); len(wrong) > 0 {
		t.Errorf("seed %d: %d findings; replay: make chaos SEED=%d MINUTES=%g; logs and the store as it was: %s\n%s",
			seed, len(wrong), seed, minutes, folder, strings.Join(wrong, "\n"))
		t.Log("the disturbances by then:")
		for _, s := range c.attack.done {
			t.Log(s)
		}
	}
	t.Log(c.table())
}

func makeFolder(t *testing.T, seed uint64) string {
	t.Helper()
	folder := cmp.Or(os.Getenv("SLUICE_CHAOS_FOLDER"),
		filepath.Join("..", "..", "tmp", "chaos", fmt.Sprintf("%s-seed-%d", time.Now().Format("20060102-150405"), seed)))
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// keep keeps the logs, and of a run with findings what was in the store.
func (w *world) keep(failed bool) {
	_ = os.RemoveAll(w.programs)
	if log, err := os.ReadFile(w.temporal.Log()); err == nil {
		_ = os.WriteFile(filepath.Join(w.folder, "temporal.log"), log, 0o600)
	}
	if !failed {
		return
	}
	_ = w.disk.free()
	if out, err := exec.Command("cp", "-a", w.disk.folder, filepath.Join(w.folder, "store")).CombinedOutput(); err != nil {
		w.t.Logf("keeping the store: %v: %s", err, out)
	}
}

// trial is one run of the whole.
type trial struct {
	*world
	reader *reader
	runs   *runs
	attack *attack
	seed   uint64
	length time.Duration
	work   work
	// What gc has removed: images that no manifest names, those of replaced
	// versions and of other cuts among them, and open uploads.
	strays, unfinished int64
}

// healTimeout is how long the run may take once nothing disturbs it any more: an
// activity that has failed often is tried again every 30 s.
const healTimeout = 4 * time.Minute

func (c *trial) run(steps []Step) {
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	var reading sync.WaitGroup
	reading.Go(func() { c.reader.run(ctx) })
	defer reading.Wait()
	defer cancel()

	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		c.runs.run(ctx, stop)
	}()
	c.attack.run(ctx, steps)
	c.note("healing")
	c.runs.finish()
	c.attack.heal()
	close(stop)
	select {
	case <-ended:
	case <-time.After(healTimeout):
		c.accuse("no run has succeeded within %s after the last disturbance: %s", healTimeout, c.troubles())
		cancel()
		<-ended
	}
	if len(c.wrong()) == 0 {
		c.judge(ctx)
	}
	cancel()
	reading.Wait()
	if len(c.wrong()) == 0 {
		c.weigh()
		for _, o := range c.reader.outputs {
			c.leftovers(o)
		}
	}
	c.end()
}

// troubles is what the starter says of a run that does not end.
func (c *trial) troubles() string {
	res, err := exec.Command(filepath.Join(c.programs, "starter"), "status", url(c.runs.output()), "--address", c.temporal.Address).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(res)
}

// judge holds what is there after the last run against all that is promised.
func (c *trial) judge(ctx context.Context) {
	for _, o := range c.runs.outputs {
		// Its dataset may have changed since; and a zombie may have left something
		// after the last run had swept.
		if !c.runs.onceOn(ctx, o) {
			c.accuse("the last run of %s has not succeeded", o.name)
			continue
		}
		if _, err := os.Stat(filepath.Join(c.folderOf(o.name), "_SUCCESS")); err != nil {
			c.accuse("after the last run of %s: %v", o.name, err)
		}
		c.verify(ctx, o)
		g := c.starter(ctx, "gc", url(o.name), "--horizon", "0s")
		c.note("gc %s: %s; %d images, %d of partitions, %d unfinished", o.name, g.why(), g.Images, g.Work, g.Unfinished)
		if g.exit != 0 {
			c.accuse("gc %s: %s", o.name, g.why())
		}
		c.strays += g.Images
		c.unfinished += g.Unfinished
		c.verify(ctx, o)
	}
	c.reader.settle(ctx)
}

// weigh holds what was asked of the origin against what the disturbances may have
// cost.
func (c *trial) weigh() {
	c.work = reckon(c.origin.Asked(), c.reader.kept.since, c.attack.near)
	if bound := c.bound(); c.work.requests > bound {
		c.accuse("%d requests, and at most %d are allowed for", c.work.requests, bound)
	}
	if c.work.idle > 0 {
		c.accuse("%d rows were done again, and no disturbance was near", c.work.idle)
	}
	if bound := c.attack.bill.zombies * perZombie; c.work.beyond > bound {
		c.accuse("%d rows were asked for again that a checkpoint held, and zombies may ask for %d", c.work.beyond, bound)
	}
}

func (c *trial) verify(ctx context.Context, o *output) {
	v := c.starter(ctx, "verify", url(o.name), "--deep", "--input", o.dataset.folder)
	c.note("verify --deep %s: %s; %d findings, %v", o.name, v.why(), v.Found, v.Warnings)
	if v.exit != 0 {
		c.accuse("verify --deep %s: %s: %v", o.name, v.why(), v.Findings)
	}
}

// leftovers looks for what no manifest names, after gc.
func (c *trial) leftovers(o *watched) {
	named := map[string]bool{}
	for _, m := range o.manifests {
		for _, e := range m.rows {
			if e.Key != nil {
				named[*e.Key] = true
			}
		}
	}
	left := map[string][]string{}
	look := func(what string, pattern string, stays func(path string) bool) {
		paths, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, path := range paths {
			if !stays(path) {
				left[what] = append(left[what], path)
			}
		}
	}
	never := func(string) bool { return false }
	look("images that no manifest names", filepath.Join(o.folder, "images", "*", "*"), func(path string) bool {
		key, err := filepath.Rel(o.folder, path)
		return err == nil && named[filepath.ToSlash(key)]
	})
	look("open uploads", filepath.Join(c.store.Folder(bucket), ".sgwtmp", "multipart", "*", "*"), never)
	look("work of partitions", filepath.Join(o.folder, "_partitions", "*", "*"), never)
	for what, paths := range left {
		c.accuse("gc has left %d %s, %s the first", len(paths), what, paths[0])
	}
}

// bound is how many requests there may have been.
func (c *trial) bound() int {
	return c.work.rows + c.work.retries + c.attack.bill.rows + c.runs.recut
}

// end ends the workers in order, and looks for what they leave behind.
func (c *trial) end() {
	var all []*process
	for _, k := range c.workers {
		k.stop()
		all = append(all, k.departing...)
	}
	const stopTimeout = 40 * time.Second
	limit := time.After(stopTimeout)
	for _, p := range all {
		select {
		case <-p.ended:
		case <-limit:
			c.accuse("worker %d has not ended %s after SIGTERM", p.cmd.Process.Pid, stopTimeout)
			return
		}
	}
	if why := sure(func() string {
		if left := processes(filepath.Join(c.programs, "worker")); len(left) > 0 {
			return fmt.Sprint(left)
		}
		return ""
	}); why != "" {
		c.accuse("processes are left behind: %s", why)
	}
}

// table is what it came to.
func (c *trial) table() string {
	b := &c.attack.bill
	partitions := 0
	for _, o := range c.runs.outputs {
		partitions += planned(c.folderOf(o.name))
	}
	return fmt.Sprintf(`
seed %d, %s
%s
  runs %d, of which %d succeeded; partitions planned %d; outputs %d
  rows %d, requests %d: retries of refusals %d, answers cut short %d, rows done again %d (without a reason: %d; though a checkpoint held them: %d)
  bound on requests %d
  removed by gc: images that no manifest names %d, open uploads %d

| seed | kills | freezes | cuts | resets, pauses | cancels, terminations | rows | rows done again | a disturbance | findings |
|---|---|---|---|---|---|---|---|---|---|
| %d | %d | %d | %d | %d | %d | %d | %d | %.1f | %d |
`,
		c.seed, c.length, b, c.runs.ended, c.runs.succeeded, partitions, len(c.runs.outputs),
		c.work.rows, c.work.requests, c.work.retries, c.work.cut, c.work.again, c.work.idle, c.work.beyond, c.bound(), c.strays, c.unfinished,
		c.seed, b.count(KillWorker, StopWorker, KillTemporal, KillStore), b.count(FreezeWorker, FreezeAlone), b.count(CutTemporal, CutStore, FillDisk),
		b.count(PauseActivity, ResetActivity, ForgetActivity, ResetPartition), b.count(CancelRun, TerminateRun, RecutRun, ReplaceUnderRun),
		c.work.rows, c.work.again, float64(c.work.again)/float64(max(1, len(c.attack.done))), len(c.wrong()))
}
