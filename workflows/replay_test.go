package workflows

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// TestReplay replays every recorded history on today's code: what a run that was
// begun by the code of then meets when a worker of today takes it over.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			Register(replayer)
			if err := replay(t, replayer, file); err != nil {
				t.Error(err)
			}
		})
	}
}

// replay replays a history under the id that it was recorded with: the ids of
// children are made from it.
func replay(t *testing.T, replayer worker.WorkflowReplayer, file string) error {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	started := history.Events[0].GetWorkflowExecutionStartedEventAttributes()
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()},
	})
}

// A replay that takes anything proves nothing.
func TestAReplayNoticesAChange(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context, in PartitionInput) (PartitionResult, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return PartitionResult{}, err
		}
		return Partition(ctx, in)
	}, workflow.RegisterOptions{Name: PartitionWorkflow})
	if err := replay(t, replayer, "testdata/partition-passes.json"); err == nil {
		t.Error("a timer more than was recorded replays")
	}
}
