package workflows

import (
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

// Verify holds an output against its dataset, on a worker: whoever asks needs
// no access to either.
func Verify(ctx workflow.Context, in activities.VerifyInput) (pipeline.Report, error) {
	var r pipeline.Report
	err := workflow.ExecuteActivity(light(ctx, "verify %s", in.Output), activities.VerifyActivity, in).Get(ctx, &r)
	return r, plainly(err)
}
