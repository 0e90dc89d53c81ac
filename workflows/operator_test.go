package workflows

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

// What operators do to a run, on a real server.

func TestAChildThatIsTerminatedIsOneFailedPartition(t *testing.T) {
	const victim = 4
	s := &stub{partitions: 10, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		if in.Index == victim {
			return untilCancelled(ctx, in)
		}
		return whole(in), nil
	}}
	w := newWorld(t, s)
	run := w.run(stubInput(3))
	id := PartitionID(RunID(testOutput), stubName(victim))
	eventually(t, "the partition is open", time.Minute, func() bool {
		return w.client.TerminateWorkflow(t.Context(), id, "", "a test") == nil
	})
	err := run.Get(t.Context(), nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != FailedType {
		t.Fatalf("the run ended with %v", err)
	}
	if want := "1 of 10 partitions failed: " + stubName(victim) + ": an operator terminated it."; !strings.HasPrefix(app.Message(), want) {
		t.Errorf("the message is %q", app.Message())
	}
	if len(s.published) != 9 {
		t.Errorf("%d partitions are published", len(s.published))
	}
}

func TestACancelReachesEveryChildOfEverySlice(t *testing.T) {
	const partitions, window = 700, 64
	s := &stub{partitions: partitions, process: untilCancelled}
	w := newWorld(t, s)
	run := w.run(stubInput(window))
	var slices, ids []string
	eventually(t, "the window is full", 2*time.Minute, func() bool {
		slices, ids = children(w.history(RunID(testOutput)), SliceWorkflow), nil
		for _, slice := range slices {
			ids = append(ids, children(w.history(slice), PartitionWorkflow)...)
		}
		return len(ids) == window && w.pendingActivities(ids) == window
	})
	began := time.Now()
	if err := w.client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Fatalf("the run ended with %v", err)
	}
	var reached time.Duration
	for _, id := range ids {
		for _, e := range w.history(id) {
			if e.GetWorkflowExecutionCancelRequestedEventAttributes() != nil {
				reached = max(reached, e.GetEventTime().AsTime().Sub(began))
			}
		}
	}
	t.Logf("%d partitions in flight in %d slices: the last was reached after %s, the run had ended after %s",
		window, len(slices), reached.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if reached > 10*time.Second {
		t.Error("that is more than 10 s")
	}
	if n := w.open(append(slices, ids...)); n > 0 {
		t.Errorf("%d children are open", n)
	}
	if len(s.endings) != 1 || s.endings[0].Status != pipeline.Cancelled {
		t.Errorf("the endings are %+v", s.endings)
	}
}

// pendingActivities is how many of the workflows have an activity.
func (w *world) pendingActivities(ids []string) (n int) {
	w.t.Helper()
	for _, id := range ids {
		d, err := w.client.DescribeWorkflowExecution(w.t.Context(), id, "")
		if err == nil && len(d.GetPendingActivities()) > 0 {
			n++
		}
	}
	return n
}

// After an operator has terminated a run, its children are cancelled, and the
// next run meets their ids.
func TestARunAfterOneThatWasTerminated(t *testing.T) {
	first := make(chan struct{})
	s := &stub{partitions: 5, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		select {
		case <-first:
			return whole(in), nil
		default:
		}
		_, err := untilCancelled(ctx, in)
		time.Sleep(3 * time.Second) //nolint:forbidigo // a drain takes its time
		return activities.ProcessResult{}, err
	}}
	w := newWorld(t, s)
	run := w.run(stubInput(5))
	ids := func() []string { return children(w.history(RunID(testOutput)), PartitionWorkflow) }
	eventually(t, "all are open", time.Minute, func() bool { return w.pendingActivities(ids()) == 5 })
	if err := w.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "a test"); err != nil {
		t.Fatal(err)
	}
	close(first)
	var r RunResult
	if err := w.run(stubInput(5)).Get(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Partitions != 5 {
		t.Errorf("the result is %+v", r)
	}
	taken := 0
	for _, e := range w.history(RunID(testOutput)) {
		if e.GetStartChildWorkflowExecutionFailedEventAttributes() != nil {
			taken++
		}
	}
	t.Logf("%d starts met an id that was taken", taken)
	if taken == 0 {
		t.Error("no id was taken: this test shows nothing")
	}
}

// A slice that is terminated takes its partitions down, and the others go on.
func TestASliceThatIsTerminatedFailsItsPartitions(t *testing.T) {
	s := &stub{partitions: 320, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		if in.Index == 0 {
			return untilCancelled(ctx, in)
		}
		return whole(in), nil
	}}
	w := newWorld(t, s)
	run := w.run(stubInput(16))
	eventually(t, "the first partition is open", time.Minute, func() bool {
		return w.pendingActivities([]string{PartitionID(RunID(testOutput), stubName(0))}) == 1
	})
	if err := w.client.TerminateWorkflow(t.Context(), SliceID(RunID(testOutput), 0), "", "a test"); err != nil {
		t.Fatal(err)
	}
	err := run.Get(t.Context(), nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != FailedType || !strings.Contains(app.Message(), "an operator terminated it") {
		t.Fatalf("the run ended with %v", err)
	}
	t.Log(app.Message())
	eventually(t, "its children have ended", 10*time.Second, func() bool {
		return w.open([]string{PartitionID(RunID(testOutput), stubName(0))}) == 0
	})
	if n := len(s.published); n < 160 {
		t.Errorf("%d partitions are published", n)
	}
}
