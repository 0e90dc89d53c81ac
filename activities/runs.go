package activities

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
)

// A run and a collection of the same output must not be at it at the same time:
// the one stores what the other may be removing. Each looks for the other after
// it has been started itself, so that of two that start at once at least one sees
// the other. The server answers such a question by its state, not by an index
// that lags.

// openWorkflow reports whether a workflow is open.
func openWorkflow(ctx context.Context, id string) (bool, error) {
	d, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, id, "")
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch d.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return true, nil
	}
	return false, nil
}

// beside is openWorkflow, or a test's. No id, nothing is open.
func (a *Activities) beside(ctx context.Context, id string) (bool, error) {
	switch {
	case id == "":
		return false, nil
	case a.isOpen != nil:
		return a.isOpen(id), nil
	}
	return openWorkflow(ctx, id)
}
