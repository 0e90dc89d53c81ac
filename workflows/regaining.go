package workflows

import (
	"go.temporal.io/sdk/workflow"
)

// RegainedActivity asks after partitions that failed: an operator may have reset
// their workflows since then, which a parent that has seen a child's end does not
// hear of. It waits for those that are open again, and returns the results of
// those that have succeeded by now, by name (map[string]PartitionResult).
const RegainedActivity = "Regained"

// RegainedInput is its input.
type RegainedInput struct {
	Dataset string   `json:"dataset"` // id of the dataset workflow
	Names   []string `json:"names"`   // of partitions
}

// regain takes back what has failed and been mended while the run was open. Once
// it has closed, the next run finds such a partition done.
func (d *dataset) regain(ctx workflow.Context, t *Tally) {
	if workflow.GetVersion(ctx, "regained", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	in := RegainedInput{Dataset: workflow.GetInfo(ctx).WorkflowExecution.ID}
	for _, l := range t.Lost {
		in.Names = append(in.Names, l.Name)
	}
	var results map[string]PartitionResult
	asking := workflow.WithTaskQueue(light(ctx, "whether partitions that failed were reset since then"), GuardQueue(workflow.GetInfo(ctx).TaskQueueName))
	if workflow.ExecuteActivity(asking, RegainedActivity, in).Get(ctx, &results) != nil {
		return // it is asked until it works, or the run is cancelled
	}
	t.regain(results)
	d.report.changed(ctx, *t)
}
