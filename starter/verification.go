package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/starter/progress"
	"sluice/workflows"
)

// memoVerify holds the input of a verification, to tell a deep one from another.
const memoVerify = "verify"

// verification is one call of verify.
type verification struct {
	*cli
	temporal  client.Client
	target    target // the run
	taskQueue string
	in        activities.VerifyInput
}

// prepare finds out what to hold the output against.
func (v *verification) prepare(ctx context.Context, input string) error {
	v.in.Output = v.target.output
	if l, err := location.Parse(v.target.given); err == nil && l.String() == v.target.output {
		v.in.Output = canonical(l)
	}
	if input != "" {
		l, err := location.Parse(input)
		if err != nil {
			return pipeline.Usagef("--input: %v", err)
		}
		v.in.Input = canonical(l)
	}
	run, err := v.lastRun(ctx)
	if err != nil {
		return v.failed(ctx, err)
	}
	v.adopt(run)
	if v.in.Input == "" {
		return pipeline.Usagef("Temporal at %s knows no run of %s in namespace %q whose plan was accepted: --input says which dataset it was made from", v.address, v.target.output, v.namespace)
	}
	if v.taskQueue == "" {
		v.taskQueue = workflows.DefaultTaskQueue
	}
	return nil
}

// lastRun is the latest run whose plan was accepted, nil if there is none: one
// that was refused, for its input say, has not touched the output.
func (v *verification) lastRun(ctx context.Context) (*workflowpb.WorkflowExecutionInfo, error) {
	accepted := func(info *workflowpb.WorkflowExecutionInfo) bool {
		var p workflows.Progress
		ok, err := progress.Memo(info, workflows.MemoProgress, &p)
		return ok && err == nil && p.Planned
	}
	// Visibility has the older runs too, but the latest one only after a moment.
	latest, err := v.temporal.DescribeWorkflowExecution(ctx, v.target.id, "")
	if notFound(err) {
		return nil, nil
	}
	if err != nil || accepted(latest.GetWorkflowExecutionInfo()) {
		return latest.GetWorkflowExecutionInfo(), err
	}
	runs, err := v.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId = %q", v.target.id), // URLs hold neither " nor \
	})
	if i := slices.IndexFunc(runs.GetExecutions(), accepted); i >= 0 {
		return runs.GetExecutions()[i], err
	}
	return nil, err
}

// adopt takes over what the call leaves open from that run.
func (v *verification) adopt(run *workflowpb.WorkflowExecutionInfo) {
	if v.taskQueue == "" {
		v.taskQueue = run.GetTaskQueue()
	}
	var was workflows.RunInput
	if ok, err := progress.Memo(run, workflows.MemoRun, &was); !ok || err != nil {
		return
	}
	if v.in.Input == "" {
		v.in.Input = was.Spec.Input
	}
	if v.in.Output == v.target.output { // without a query of its own
		v.in.Output = was.Output
	}
}

// run verifies, or waits for the same verification if that is going on.
func (v *verification) run(ctx context.Context) (report pipeline.Report, err error) {
	t := v.target
	t.id = workflows.VerifyID(t.id)
	runID, err := v.start(ctx, t.id)
	if err != nil {
		return report, err
	}
	f := v.follow(v.temporal, t, runID)
	defer f.display.close()
	f.doing = "verifying"
	f.onward = "the verification goes on, and the same call attaches to it"
	s, err := f.until(ctx, closed)
	if err != nil {
		return report, err
	}
	return report, f.result(ctx, s, &report)
}

func (v *verification) start(ctx context.Context, id string) (runID string, err error) {
	opts := client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                v.taskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{memoVerify: v.in},
		StaticSummary:                            "verify " + v.in.Output,
	}
	run, err := v.temporal.ExecuteWorkflow(ctx, opts, workflows.VerifyWorkflow, v.in)
	if err == nil {
		return run.GetRunID(), nil
	}
	open := new(serviceerror.WorkflowExecutionAlreadyStarted)
	if !errors.As(err, &open) {
		return "", v.failed(ctx, err)
	}
	described, err := v.temporal.DescribeWorkflowExecution(ctx, id, open.RunId)
	if err != nil {
		return "", v.failed(ctx, err)
	}
	var was activities.VerifyInput
	if ok, err := progress.Memo(described.GetWorkflowExecutionInfo(), memoVerify, &was); !ok || err != nil || was != v.in {
		return "", pipeline.Usagef("another verification of %s is going on (--deep or not, say): wait for it", v.target.output)
	}
	v.say("attached to the verification that is going on since %s", clock(described.GetWorkflowExecutionInfo().GetStartTime().AsTime()))
	return open.RunId, nil
}

// failed says what a failed call to Temporal means here. Nothing is lost by
// verifying again.
func (v *verification) failed(ctx context.Context, err error) error {
	if away(err) || ctx.Err() != nil {
		return unknownf("Temporal at %s does not answer (%s): verify again", v.address, cause(err))
	}
	return v.explain(err)
}
