package workflows

import (
	"context"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"sluice/internal/devtest"
)

// world is a dev server with workers that have a stub for a pipeline.
type world struct {
	t       *testing.T
	server  *devtest.Server
	client  client.Client
	workers []worker.Worker
}

func newWorld(t *testing.T, s *stub) *world {
	t.Helper()
	w := &world{t: t, server: devtest.Start(t)}
	w.client = w.server.Dial()
	options := worker.Options{MaxHeartbeatThrottleInterval: time.Second}
	light := worker.New(w.client, DefaultTaskQueue, options)
	slots := options
	slots.MaxConcurrentActivityExecutionSize = s.slots
	heavy := worker.New(w.client, ProcessQueue(DefaultTaskQueue), slots)
	Register(light)
	guards := worker.New(w.client, GuardQueue(DefaultTaskQueue), options)
	s.register(light, heavy, guards)
	w.workers = []worker.Worker{light, heavy, guards}
	for _, x := range w.workers {
		if err := x.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(x.Stop)
	}
	return w
}

func (w *world) run(in RunInput) client.WorkflowRun {
	w.t.Helper()
	run, err := w.client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: RunID(testOutput), TaskQueue: DefaultTaskQueue}, DatasetWorkflow, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// history is a workflow's history so far.
func (w *world) history(id string) []*historypb.HistoryEvent {
	w.t.Helper()
	var events []*historypb.HistoryEvent
	it := w.client.GetWorkflowHistory(w.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			w.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// details are a workflow's current details, by the query that the UI makes.
func (w *world) details(id string) string {
	w.t.Helper()
	answer, err := w.client.QueryWorkflow(w.t.Context(), id, "", "__temporal_workflow_metadata")
	if err != nil {
		w.t.Fatal(err)
	}
	var metadata sdkpb.WorkflowMetadata
	if err := answer.Get(&metadata); err != nil {
		w.t.Fatal(err)
	}
	return metadata.GetCurrentDetails()
}

// children are the ids of the children of a type that a history has seen start:
// one that is only initiated need not exist yet.
func children(history []*historypb.HistoryEvent, workflowType string) (ids []string) {
	for _, e := range history {
		if a := e.GetChildWorkflowExecutionStartedEventAttributes(); a.GetWorkflowType().GetName() == workflowType {
			ids = append(ids, a.GetWorkflowExecution().GetWorkflowId())
		}
	}
	return ids
}

// open is how many workflows of a type are open, by their own account.
func (w *world) open(ids []string) (n int) {
	w.t.Helper()
	for _, id := range ids {
		d, err := w.client.DescribeWorkflowExecution(context.WithoutCancel(w.t.Context()), id, "")
		if err != nil {
			w.t.Fatal(err)
		}
		if d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			n++
		}
	}
	return n
}

// eventually waits for a condition on the server, which has no clock to fake.
func eventually(t *testing.T, what string, limit time.Duration, condition func() bool) {
	t.Helper()
	for until := time.Now().Add(limit); !condition(); {
		if time.Now().After(until) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // between two looks at a server
	}
}
