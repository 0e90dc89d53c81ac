package workflows

import (
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

// Collect removes what no manifest of an output names.
func Collect(ctx workflow.Context, in activities.CollectInput) (pipeline.Collected, error) {
	in.Request.Run = ownKey(ctx, pipeline.RunPrefix+"gc-")
	var c pipeline.Collected
	err := workflow.ExecuteActivity(light(ctx, "remove what no manifest of %s names", in.Output), activities.CollectActivity, in).Get(ctx, &c)
	return c, plainly(err)
}
