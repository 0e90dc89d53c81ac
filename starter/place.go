package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// place says where workers find an output that there is, and its dataset.
type place struct {
	input     string // URL with its query; "" is what the output itself says
	output    string // URL with its query
	taskQueue string
	run       *workflows.RunInput // the latest one whose plan was accepted; nil if Temporal knows none
}

// placeOf takes from the latest run of t what the call leaves open.
func (c *cli) placeOf(ctx context.Context, temporal client.Client, t target, input, taskQueue string) (place, error) {
	p := place{output: t.output}
	if l, err := location.Parse(t.given); err == nil && l.String() == t.output {
		p.output = canonical(l)
	}
	if input != "" {
		l, err := location.Parse(input)
		if err != nil {
			return p, pipeline.Usagef("--input: %v", err)
		}
		p.input = canonical(l)
	}
	last, err := lastRun(ctx, temporal, t)
	if err != nil {
		return p, c.notAnswered(ctx, err)
	}
	p.taskQueue = cmp.Or(taskQueue, last.GetTaskQueue(), workflows.DefaultTaskQueue)
	var run workflows.RunInput
	if ok, err := progress.Memo(last, workflows.MemoRun, &run); !ok || err != nil {
		return p, nil //nolint:nilerr // it is somebody else's memo
	}
	p.run = &run
	p.input = cmp.Or(p.input, run.Spec.Input)
	if p.output == t.output { // without a query of its own
		p.output = run.Output
	}
	return p, nil
}

// lastRun is the latest run whose plan was accepted, nil if there is none: one
// that was refused, for its input say, has not touched the output.
func lastRun(ctx context.Context, temporal client.Client, t target) (*workflowpb.WorkflowExecutionInfo, error) {
	accepted := func(info *workflowpb.WorkflowExecutionInfo) bool {
		var p workflows.Progress
		ok, err := progress.Memo(info, workflows.MemoProgress, &p)
		return ok && err == nil && p.Planned
	}
	// Visibility has the older runs too, but the latest one only after a moment.
	latest, err := temporal.DescribeWorkflowExecution(ctx, t.id, "")
	if notFound(err) {
		return nil, nil
	}
	if err != nil || accepted(latest.GetWorkflowExecutionInfo()) {
		return latest.GetWorkflowExecutionInfo(), err
	}
	runs, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = %q", t.id), // URLs hold neither " nor \
	})
	if i := slices.IndexFunc(runs.GetExecutions(), accepted); i >= 0 {
		return runs.GetExecutions()[i], err
	}
	return nil, err
}

// notAnswered says what a failed call to Temporal means where nothing is lost by
// calling again.
func (c *cli) notAnswered(ctx context.Context, err error) error {
	if away(err) || ctx.Err() != nil {
		return unknownf("Temporal at %s does not answer (%s): call again", c.address, cause(err))
	}
	return c.explain(err)
}
