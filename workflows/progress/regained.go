package progress

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"sluice/activities"
	"sluice/workflows"
)

// askAgain is how often a workflow that is open is looked at.
const askAgain = 2 * time.Second

// Regained implements workflows.RegainedActivity.
func Regained(ctx context.Context, in workflows.RegainedInput) (map[string]workflows.PartitionResult, error) {
	c := activity.GetClient(ctx)
	return activities.Alive(ctx, func(ctx context.Context, _ func(struct{})) (map[string]workflows.PartitionResult, error) {
		results := make([]*workflows.PartitionResult, len(in.Names))
		calls, ctx := errgroup.WithContext(ctx)
		calls.SetLimit(concurrency)
		for i, name := range in.Names {
			calls.Go(func() (err error) {
				results[i], err = succeeded(ctx, c, workflows.PartitionID(in.Dataset, name))
				return err
			})
		}
		if err := calls.Wait(); err != nil {
			return nil, err
		}
		regained := map[string]workflows.PartitionResult{}
		for i, name := range in.Names {
			if r := results[i]; r != nil {
				regained[name] = *r
			}
		}
		return regained, nil
	})
}

// succeeded is the result of a partition's workflow, nil if it did not succeed.
// One that is open is waited for.
func succeeded(ctx context.Context, c client.Client, id string) (*workflows.PartitionResult, error) {
	for {
		described, err := c.DescribeWorkflowExecution(ctx, id, "")
		if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
			return nil, nil //nolint:nilnil // it never began
		}
		if err != nil {
			return nil, err
		}
		info := described.GetWorkflowExecutionInfo()
		switch status := info.GetStatus(); {
		case status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
			var r workflows.PartitionResult
			return &r, c.GetWorkflow(ctx, id, info.GetExecution().GetRunId()).Get(ctx, &r)
		case !StatusOf(status).Open():
			return nil, nil //nolint:nilnil // it failed, and nobody has reset it
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
