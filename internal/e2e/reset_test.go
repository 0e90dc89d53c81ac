package e2e

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// freeze stops a process, and its decoders with it, until it is continued.
func freeze(t *testing.T, w *exec.Cmd) (thaw func()) {
	t.Helper()
	signal := func(s syscall.Signal) {
		if err := w.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

// Whatever an operator resets or ends, what comes after goes on from the
// checkpoint: no row of it is fetched again.
func TestResetsGoOnFromTheCheckpoint(t *testing.T) {
	scenario(t)
	t.Parallel()
	const rows = 1200
	for _, c := range []struct {
		name      string
		interfere func(r *rig, o operator, w *exec.Cmd, out, partition string)
		again     bool // the run ends with it, and is to be run again
	}{
		{name: "an activity's attempts begin at 1 again, and a zombie of the first one wakes", interfere: func(r *rig, o operator, w *exec.Cmd, out, partition string) {
			id := partitionID(out, partition)
			thaw := freeze(r.t, w)
			r.worker()
			await(r.t, "another worker has it", func() bool { return o.pending(id).GetAttempt() == 2 && o.pending(id).GetLastStartedTime() != nil })
			reached := r.origin.when(50)
			<-reached
			o.resetActivity(id)
			await(r.t, "its attempts begin again", func() bool { a := o.pending(id); return a == nil || a.GetAttempt() == 1 })
			r.t.Logf("attempt %d, on its way again", o.pending(id).GetAttempt())
			thaw()
		}},
		{name: "a partition's workflow, to its beginning", interfere: func(_ *rig, o operator, _ *exec.Cmd, out, partition string) {
			id := partitionID(out, partition)
			o.resetWorkflow(id, o.tasks(id)[0])
		}},
		{name: "the dataset's workflow, to its beginning", interfere: func(_ *rig, o operator, _ *exec.Cmd, out, _ string) {
			o.resetWorkflow(runID(out), o.tasks(runID(out))[0])
		}},
		{name: "the dataset's workflow, to its last task", interfere: func(_ *rig, o operator, _ *exec.Cmd, out, _ string) {
			tasks := o.tasks(runID(out))
			o.resetWorkflow(runID(out), tasks[len(tasks)-1])
		}},
		{name: "the dataset's workflow is terminated", again: true, interfere: func(r *rig, o operator, _ *exec.Cmd, out, _ string) {
			if err := o.TerminateWorkflow(r.t.Context(), runID(out), "", "a test"); err != nil {
				r.t.Fatal(err)
			}
		}},
		{name: "a partition's workflow is terminated", again: true, interfere: func(r *rig, o operator, _ *exec.Cmd, out, partition string) {
			if err := o.TerminateWorkflow(r.t.Context(), partitionID(out, partition), "", "a test"); err != nil {
				r.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.origin.delay = 5 * time.Millisecond
			in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
			w := r.worker()
			reached := r.origin.when(600)
			wait := r.start(in, out)
			<-reached
			partition, before := only(t, out)
			c.interfere(r, r.operator(), w, out, partition)
			res := wait()
			if c.again {
				if res.exit != 1 {
					t.Errorf("the run that was ended: %+v", res)
				}
				res = r.run(in, out)
			}
			if res.exit != 0 || res.OK != rows || res.Rows != rows {
				t.Errorf("%+v\n%s", res, res.stderr)
			}
			r.verify(out)
			r.origin.notAgain(t, done(before), fine)
			all, again := r.origin.requests()
			t.Logf("%d rows were in the checkpoint; %d requests, %d of them again", len(done(before)), all, again)
		})
	}
}

// A partition that has failed is reset in the UI: a run that is still open counts
// it in, and one that has closed is followed by one that finds it done. Either
// way it goes on from its checkpoint.
func TestAPartitionThatFailedIsReset(t *testing.T) {
	scenario(t)
	t.Parallel()
	for _, c := range []struct {
		name   string
		closed bool // the run has
	}{{"while the run is open", false}, {"after the run has closed", true}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			const rows = 1200
			r.origin.delay = 5 * time.Millisecond
			r.dataset("b.parquet", rows, fine)
			in := r.dataset("a.parquet", 1, func(int) string { return "/late/0.jpg" })
			out := filepath.Join(r.dir, "out")
			o := r.operator()
			r.worker()
			reached := r.origin.when(600)
			wait := r.start(in, out)
			<-reached
			partition, before := only(t, out)
			id := partitionID(out, partition)
			if err := o.TerminateWorkflow(t.Context(), id, "", "a test"); err != nil {
				t.Fatal(err)
			}
			await(t, "it has failed", func() bool { return r.starter("status", out).Running.Partitions.Failed == 1 })
			if c.closed {
				close(r.origin.late)
				if res := wait(); res.exit != 1 || res.Status != "failed" {
					t.Errorf("the run that has lost it: %+v\n%s", res, res.stderr)
				}
			}
			o.resetWorkflow(id, o.tasks(id)[0])
			if c.closed {
				if err := o.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if res := r.run(in, out); res.exit != 0 || res.New != 0 || res.OK != rows+1 {
					t.Errorf("the run after it: %+v\n%s", res, res.stderr)
				}
			} else {
				close(r.origin.late)
				if res := wait(); res.exit != 0 || res.New != rows+1-before.Counts.Rows() && res.New != rows+1 || res.OK != rows+1 || res.Partitions != 2 {
					t.Errorf("%+v\n%s", res, res.stderr)
				}
			}
			r.verify(out)
			r.origin.notAgain(t, done(before), fine)
		})
	}
}
