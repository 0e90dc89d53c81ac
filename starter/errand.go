package main

import (
	"context"
	"errors"
	"reflect"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/workflows/progress"
)

// errand is a workflow on an output beside its runs: a verification, a
// collection. The same one is open at most once, and whoever asks again attaches
// to it.
type errand struct {
	id, name  string // of the workflow: its type
	doing     string // "verifying"
	summary   string
	taskQueue string
	in        any // a struct, kept in the memo to tell it from another one
}

// memoErrand holds an errand's input.
const memoErrand = "errand"

// do does e, or waits for the same one if that is going on.
func (c *cli) do(ctx context.Context, temporal client.Client, t target, e errand, result any) error {
	runID, err := c.begin(ctx, temporal, t, e)
	if err != nil {
		return err
	}
	t.id = e.id
	f := c.follow(temporal, t, runID)
	defer f.display.close()
	f.doing = e.doing
	f.onward = "it goes on, and the same call attaches to it"
	s, err := f.until(ctx, closed)
	if err != nil {
		return err
	}
	return f.result(ctx, s, result)
}

func (c *cli) begin(ctx context.Context, temporal client.Client, t target, e errand) (runID string, err error) {
	opts := client.StartWorkflowOptions{
		ID:                                       e.id,
		TaskQueue:                                e.taskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{memoErrand: e.in},
		StaticSummary:                            e.summary,
	}
	run, err := temporal.ExecuteWorkflow(ctx, opts, e.name, e.in)
	if err == nil {
		return run.GetRunID(), nil
	}
	open := new(serviceerror.WorkflowExecutionAlreadyStarted)
	if !errors.As(err, &open) {
		return "", c.notAnswered(ctx, err)
	}
	described, err := temporal.DescribeWorkflowExecution(ctx, e.id, open.RunId)
	if err != nil {
		return "", c.notAnswered(ctx, err)
	}
	was := reflect.New(reflect.TypeOf(e.in))
	ok, err := progress.Memo(described.GetWorkflowExecutionInfo(), memoErrand, was.Interface())
	if !ok || err != nil || !reflect.DeepEqual(was.Elem().Interface(), e.in) {
		return "", pipeline.Usagef("somebody is %s %s with other flags: wait for that", e.doing, t.output)
	}
	c.say("attached to what is going on since %s", clock(described.GetWorkflowExecutionInfo().GetStartTime().AsTime()))
	return open.RunId, nil
}
