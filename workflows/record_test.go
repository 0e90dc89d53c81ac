package workflows

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"sluice/activities"
	"sluice/pipeline"
)

var record = flag.Bool("record", false, "record histories that are not in testdata yet")

// maxRecorded keeps what is checked in small, in bytes.
const maxRecorded = 100 << 10

// recorded keeps a workflow's history as testdata/NAME.json, unless there is one
// already: a history is of the code that was released, and never replaced.
func (w *world) recorded(id, name string) {
	w.t.Helper()
	file := filepath.Join("testdata", name+".json")
	if _, err := os.Stat(file); err == nil {
		w.t.Logf("%s is there already: delete it first, if it was never released", file)
		return
	}
	data, err := protojson.Marshal(&historypb.History{Events: w.history(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	// The names of sticky task queues begin with the machine's.
	if host, err := os.Hostname(); err == nil {
		data = bytes.ReplaceAll(data, []byte(host+":"), []byte("host:"))
	}
	if len(data) > maxRecorded {
		w.t.Errorf("%s would be of %d bytes", file, len(data))
		return
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("%s: %d bytes", file, len(data))
}

// TestRecord makes the histories of testdata: go test -run TestRecord -record .
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("-record is not given")
	}
	run := RunID(testOutput)

	t.Run("success, with a second pass and a fault", func(t *testing.T) {
		var once sync.Once
		w := newWorld(t, &stub{partitions: 4, process: func(_ context.Context, in activities.ProcessInput) (r activities.ProcessResult, err error) {
			if in.Index == 1 {
				once.Do(func() { err = errors.New("the store is down") })
				return whole(in), err
			}
			if in.Index == 2 && in.Pass < 3 {
				return after(in, 80+5*int64(in.Pass)), nil
			}
			return whole(in), nil
		}})
		if err := w.run(stubInput(2, time.Second, time.Second)).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(run, "dataset-success")
		w.recorded(PartitionID(run, stubName(1)), "partition-fault")
		w.recorded(PartitionID(run, stubName(2)), "partition-passes")
	})

	t.Run("failed", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 4, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			if in.Index == 1 {
				return activities.ProcessResult{}, broken(in)
			}
			return whole(in), nil
		}})
		if err := w.run(stubInput(2)).Get(t.Context(), nil); err == nil {
			t.Fatal("it succeeded")
		}
		w.recorded(run, "dataset-failed")
		w.recorded(PartitionID(run, stubName(1)), "partition-failed")
	})

	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 4, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			switch in.Index {
			case 0:
				return whole(in), nil
			case 1:
				return after(in, 80), nil
			}
			return untilCancelled(ctx, in)
		}})
		r := w.run(stubInput(3, time.Hour))
		ids := []string{PartitionID(run, stubName(2)), PartitionID(run, stubName(3))}
		eventually(t, "two are at it, and one waits", time.Minute, func() bool { return w.pendingActivities(ids) == 2 })
		if err := w.client.CancelWorkflow(t.Context(), r.GetID(), ""); err != nil {
			t.Fatal(err)
		}
		if err := r.Get(t.Context(), nil); err == nil {
			t.Fatal("it succeeded")
		}
		w.recorded(run, "dataset-cancelled")
		w.recorded(PartitionID(run, stubName(1)), "partition-cancelled-waiting")
		w.recorded(PartitionID(run, stubName(2)), "partition-cancelled")
	})

	t.Run("what operators do to a partition", func(t *testing.T) {
		const reset, redone, paused, terminated = 0, 1, 2, 3
		var mu sync.Mutex
		goOn := map[int]bool{}
		may := func(i int) bool {
			mu.Lock()
			defer mu.Unlock()
			return goOn[i]
		}
		let := func(i int) {
			mu.Lock()
			defer mu.Unlock()
			goOn[i] = true
		}
		w := newWorld(t, &stub{partitions: 4, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			if may(in.Index) {
				return whole(in), nil
			}
			return untilCancelled(ctx, in)
		}})
		r := w.run(stubInput(4))
		id := func(i int) string { return PartitionID(run, stubName(i)) }
		eventually(t, "all are at it", time.Minute, func() bool {
			return w.pendingActivities([]string{id(0), id(1), id(2), id(3)}) == 4
		})
		service, process := w.client.WorkflowService(), activities.ProcessActivity
		for _, err := range []error{
			w.client.TerminateWorkflow(t.Context(), id(terminated), "", "a test"),
			func() error {
				_, err := service.PauseActivity(t.Context(), &workflowservice.PauseActivityRequest{
					Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: id(paused)}, Identity: "sluice-test",
					Activity: &workflowservice.PauseActivityRequest_Type{Type: process},
				})
				return err
			}(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range []int{reset, redone, paused} {
			let(i)
		}
		for _, err := range []error{
			func() error {
				_, err := service.ResetActivity(t.Context(), &workflowservice.ResetActivityRequest{
					Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: id(reset)}, Identity: "sluice-test",
					Activity: &workflowservice.ResetActivityRequest_Type{Type: process},
				})
				return err
			}(),
			func() error {
				_, err := w.client.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
					Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id(redone)},
					Reason: "a test", WorkflowTaskFinishEventId: 4, RequestId: "redone", // the end of the first task
				})
				return err
			}(),
			func() error {
				_, err := service.UnpauseActivity(t.Context(), &workflowservice.UnpauseActivityRequest{
					Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: id(paused)}, Identity: "sluice-test",
					Activity: &workflowservice.UnpauseActivityRequest_Type{Type: process},
				})
				return err
			}(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Get(t.Context(), nil); err == nil {
			t.Fatal("it succeeded, and a partition of it was terminated")
		}
		w.recorded(run, "dataset-operators")
		w.recorded(id(reset), "partition-activity-reset")
		w.recorded(id(redone), "partition-reset")
		w.recorded(id(paused), "partition-paused")
		w.recorded(id(terminated), "partition-terminated")
	})

	t.Run("slices", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: maxFanOut + 1})
		if err := w.run(stubInput(8)).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(run, "dataset-slices")
	})

	// A slice of a real run is too long to keep. This one has a parent that
	// gives it a larger window, and hears of its spare places.
	t.Run("a slice", func(t *testing.T) {
		w := newWorld(t, &stub{process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			if in.Index == 101 && in.Pass == 1 {
				return after(in, 80), nil
			}
			if in.Index == 103 {
				return activities.ProcessResult{}, broken(in)
			}
			return whole(in), nil
		}})
		in := stubInput(8)
		w.workers[0].RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			slice := workflow.ExecuteChildWorkflow(child(ctx, SliceID(run, 1), "a slice"), SliceWorkflow, SliceInput{
				Run: activities.Run{Key: "_runs/1/", Spec: in.Spec, Output: in.Output}, Dataset: run,
				Slice: 1, First: 100, N: 8, Window: 2, HeartbeatTimeout: 10 * time.Second, Waits: []time.Duration{time.Second},
			})
			slice.SignalChildWorkflow(ctx, SignalWindow, 4)
			return slice.Get(ctx, nil)
		}, workflow.RegisterOptions{Name: "parent"})
		r, err := w.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "parent", TaskQueue: DefaultTaskQueue}, "parent")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(SliceID(run, 1), "slice")
	})

	t.Run("verify and collect", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 4})
		for _, errand := range []struct {
			id, workflow, name string
			in                 any
		}{
			{VerifyID(run), VerifyWorkflow, "verify", activities.VerifyInput{Output: testOutput, Request: pipeline.VerifyRequest{Deep: true}}},
			{CollectID(run), CollectWorkflow, "collect", activities.CollectInput{Output: testOutput, RunID: run}},
		} {
			r, err := w.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: errand.id, TaskQueue: DefaultTaskQueue}, errand.workflow, errand.in)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Get(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			w.recorded(errand.id, errand.name)
		}
	})

	t.Run("rows done again", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 2})
		in := stubInput(2)
		in.Redo = &pipeline.Selection{Classes: []pipeline.Class{pipeline.Timeout}}
		if err := w.run(in).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(run, "dataset-redo")
	})

	t.Run("a partition that failed, and was reset", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 2, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			if in.Index == 1 {
				return activities.ProcessResult{}, broken(in)
			}
			return whole(in), nil
		}, regained: func(in RegainedInput) map[string]PartitionResult {
			return map[string]PartitionResult{in.Names[0]: {Counts: pipeline.Counts{OK: stubRows}, New: stubRows}}
		}})
		if err := w.run(stubInput(2)).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(run, "dataset-regained")
	})

	t.Run("overviews", func(t *testing.T) {
		s := &stub{partitions: 3}
		var heard sync.WaitGroup
		heard.Add(1)
		var once sync.Once
		s.guard = func(ctx context.Context, in GuardInput) (pipeline.Counts, error) {
			for _, ok := range []int64{50, 70} {
				o := Overview{At: time.Now(), Counts: pipeline.Counts{OK: ok}, Open: "2 running"}
				if err := activity.GetClient(ctx).SignalWorkflow(ctx, in.WorkflowID, in.RunID, SignalOverview, o); err != nil {
					return pipeline.Counts{}, err
				}
			}
			once.Do(heard.Done)
			return pipeline.Counts{}, nil
		}
		s.process = func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			heard.Wait()
			return whole(in), nil
		}
		w := newWorld(t, s)
		if err := w.run(stubInput(2)).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(run, "dataset-overviews")
	})

	t.Run("nights", func(t *testing.T) {
		p := newPasses()
		w := newWorld(t, &stub{partitions: 1, process: p.process})
		w.run(stubInput(2))
		eventually(t, "the run is open", time.Minute, func() bool { return p.count() == 1 })
		if err := w.night(Skip).Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(nightID, "night-skipped")
		night := w.night(BufferOne)
		eventually(t, "the night waits", time.Minute, func() bool { return w.told().Waiting })
		close(p.free)
		if err := night.Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.recorded(nightID, "night-waited")
	})

	t.Run("a night that failed", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 1, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
			return activities.ProcessResult{}, broken(in)
		}})
		if err := w.night(Skip).Get(t.Context(), nil); err == nil {
			t.Fatal("it succeeded")
		}
		w.recorded(nightID, "night-failed")
	})

	t.Run("a night that was cancelled", func(t *testing.T) {
		w := newWorld(t, &stub{partitions: 1, process: untilCancelled})
		night := w.night(Skip)
		ids := []string{PartitionID(run, stubName(0))}
		eventually(t, "its run is at it", time.Minute, func() bool { return w.pendingActivities(ids) == 1 })
		if err := w.client.CancelWorkflow(t.Context(), nightID, ""); err != nil {
			t.Fatal(err)
		}
		if err := night.Get(t.Context(), nil); err == nil {
			t.Fatal("it succeeded")
		}
		w.recorded(nightID, "night-cancelled")
	})
}
