package workflows

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

const nightID = "nightly-2026-11-25T03:00:00Z"

// night starts a night as a schedule does.
func (w *world) night(overlap Overlap) client.WorkflowRun {
	w.t.Helper()
	in := NightInput{Run: stubInput(2), RunID: RunID(testOutput), Overlap: overlap, Summary: "what it makes", Details: "and how"}
	run, err := w.client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: nightID, TaskQueue: DefaultTaskQueue}, NightWorkflow, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) info(id string) *workflowpb.WorkflowExecutionInfo {
	w.t.Helper()
	d, err := w.client.DescribeWorkflowExecution(w.t.Context(), id, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return d.GetWorkflowExecutionInfo()
}

// told is what a night's memo says.
func (w *world) told() (r NightResult) {
	w.t.Helper()
	if p, ok := w.info(nightID).GetMemo().GetFields()[MemoNight]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(p, &r); err != nil {
			w.t.Fatal(err)
		}
	}
	return r
}

func TestANightIsARunOfItsOutput(t *testing.T) {
	w := newWorld(t, &stub{partitions: 3})
	var r NightResult
	if err := w.night(Skip).Get(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	info := w.info(RunID(testOutput))
	want := NightResult{
		Said: "300 new; 300 ok, 0 failed, 0 skipped of all 300 rows",
		Run:  info.GetExecution().GetRunId(), New: 300, Counts: pipeline.Counts{OK: 300}, Partitions: 3,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("the result: %s", d)
	}
	if d := cmp.Diff(want, w.told()); d != "" {
		t.Errorf("the memo: %s", d)
	}
	// What the starter and the UI read of a run they find here as well.
	var in RunInput
	if err := converter.GetDefaultDataConverter().FromPayload(info.GetMemo().GetFields()[MemoRun], &in); err != nil || in.Output != testOutput {
		t.Errorf("the run's memo: %+v, %v", in, err)
	}
	d, err := w.client.DescribeWorkflow(t.Context(), RunID(testOutput), "")
	if err != nil {
		t.Fatal(err)
	}
	summary, _ := d.GetStaticSummary()
	details, _ := d.GetStaticDetails()
	if summary != "what it makes" || details != "and how" {
		t.Errorf("the run's summary is %q, its details %q", summary, details)
	}
}

func TestANightThatFindsARunOpenSkips(t *testing.T) {
	p := newPasses()
	w := newWorld(t, &stub{partitions: 1, process: p.process})
	run := w.run(stubInput(2))
	eventually(t, "the run is open", time.Minute, func() bool { return p.count() == 1 })
	var r NightResult
	if err := w.night(Skip).Get(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	want := NightResult{Said: "skipped: a run of " + testOutput + " is open since 2026-11-25 03:00:00 UTC", Skipped: true}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("the result: %s", d)
	}
	if d := cmp.Diff(want, w.told()); d != "" {
		t.Errorf("the memo: %s", d)
	}
	close(p.free)
	if err := run.Get(t.Context(), nil); err != nil {
		t.Errorf("the run that was open ended with %v", err)
	}
	if n := len(p.inputs(0)); n != 1 {
		t.Errorf("%d passes began, want the open run's one", n)
	}
}

func TestANightThatFindsARunOpenWaitsForIt(t *testing.T) {
	p := newPasses()
	w := newWorld(t, &stub{partitions: 1, process: p.process})
	run := w.run(stubInput(2))
	eventually(t, "the run is open", time.Minute, func() bool { return p.count() == 1 })
	night := w.night(BufferOne)
	eventually(t, "the night waits", time.Minute, func() bool { return w.told().Waiting })
	if said := w.told().Said; said != "waiting: a run of "+testOutput+" is open since 2026-11-25 03:00:00 UTC" {
		t.Errorf("it says %q", said)
	}
	close(p.free)
	var r NightResult
	if err := night.Get(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Waiting || r.Skipped || r.New != stubRows || r.Run == run.GetRunID() {
		t.Errorf("%+v", r)
	}
	if n := len(p.inputs(0)); n != 2 {
		t.Errorf("%d passes began, want one of each run", n)
	}
}

func TestANightFailsByTheWordsOfItsRunAndTheNextOneGoesOn(t *testing.T) {
	var mended atomic.Bool
	w := newWorld(t, &stub{partitions: 2, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		if in.Index == 1 && !mended.Load() {
			return activities.ProcessResult{}, broken(in)
		}
		return whole(in), nil
	}})
	err := w.night(Skip).Get(t.Context(), nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != FailedType || !strings.HasPrefix(app.Message(), "1 of 2 partitions failed: part-00001.parquet: no footer.") {
		t.Errorf("the night ended with %v", err)
	}
	if r := w.told(); r.Said != app.Message() || r.Run == "" {
		t.Errorf("its memo says %+v", r)
	}
	mended.Store(true)
	if shell := new(temporal.ChildWorkflowExecutionError); errors.As(err, &shell) {
		t.Errorf("what the UI shows begins with the SDK's words: %v", err)
	}
	if err := w.night(Skip).Get(t.Context(), nil); err != nil {
		t.Errorf("the next night ended with %v", err)
	}
}

func TestACancelOfANight(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool // a run of somebody else's is open
		cancel string
		// ended is whether the run has ended with the night.
		ended bool
	}{
		{"ends its run", false, nightID, true},
		{"is what a cancel of its run comes to", false, RunID(testOutput), true},
		{"that waits leaves the run alone that it waits for", true, nightID, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, &stub{partitions: 1, process: untilCancelled})
			if c.before {
				w.run(stubInput(1))
			}
			ids := []string{PartitionID(RunID(testOutput), stubName(0))}
			at := func() bool { return w.pendingActivities(ids) == 1 }
			if c.before {
				eventually(t, "the run is open", time.Minute, at)
			}
			night := w.night(BufferOne)
			if c.before {
				eventually(t, "the night waits", time.Minute, func() bool { return w.told().Waiting })
			} else {
				eventually(t, "the night's run is at it", time.Minute, at)
			}
			if err := w.client.CancelWorkflow(t.Context(), c.cancel, ""); err != nil {
				t.Fatal(err)
			}
			if err := night.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
				t.Errorf("the night ended with %v", err)
			}
			if status := w.info(nightID).GetStatus(); status != enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED {
				t.Errorf("the night is %s", status)
			}
			if r := w.told(); r.Said != "it was cancelled" || r.Waiting {
				t.Errorf("its memo says %+v", r)
			}
			if ended := w.open([]string{RunID(testOutput)}) == 0; ended != c.ended {
				t.Errorf("the run has ended: %v, want %v", ended, c.ended)
			}
		})
	}
}

// hasHeard is whether a workflow has been told that a child was asked to end, and
// has done what it does about it.
func (w *world) hasHeard(id string) bool {
	asked := false
	for _, e := range w.history(id) {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			asked = true
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			if asked {
				return true
			}
		}
	}
	return false
}

// A night ends after its run, so that whoever waits for it finds the output at
// rest; and however it ends, its run does not go on without it.
func TestANightEndsItsRunFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(context.Context, client.Client) error
		// open is whether the night is while its run ends.
		open bool
	}{
		{"when it is cancelled", func(ctx context.Context, c client.Client) error { return c.CancelWorkflow(ctx, nightID, "") }, true},
		{"when it is terminated", func(ctx context.Context, c client.Client) error {
			return c.TerminateWorkflow(ctx, nightID, "", "a test")
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			told, free := make(chan struct{}), make(chan struct{})
			w := newWorld(t, &stub{partitions: 1, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
				r, err := untilCancelled(ctx, in)
				close(told)
				<-free
				return r, err
			}})
			w.night(Skip)
			ids := []string{PartitionID(RunID(testOutput), stubName(0))}
			eventually(t, "its run is at it", time.Minute, func() bool { return w.pendingActivities(ids) == 1 })
			if err := c.end(t.Context(), w.client); err != nil {
				t.Fatal(err)
			}
			select {
			case <-told:
			case <-time.After(time.Minute):
				t.Error("the run is not cancelled")
			}
			eventually(t, "the night knows", time.Minute, func() bool { return !c.open || w.hasHeard(nightID) })
			if open := w.open([]string{nightID}) == 1; open != c.open {
				t.Errorf("the night is open: %v, want %v", open, c.open)
			}
			close(free)
			eventually(t, "the run has ended", time.Minute, func() bool { return w.open([]string{RunID(testOutput)}) == 0 })
		})
	}
}
