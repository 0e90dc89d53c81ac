package progress

import (
	"context"

	"go.temporal.io/sdk/activity"

	"sluice/workflows"
)

// Look implements workflows.LookActivity: it says whether the newest run of a
// workflow is open, and since when.
func Look(ctx context.Context, id string) (workflows.Look, error) {
	described, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return workflows.Look{}, err
	}
	info := described.GetWorkflowExecutionInfo()
	return workflows.Look{Open: StatusOf(info.GetStatus()).Open(), Since: info.GetStartTime().AsTime()}, nil
}
