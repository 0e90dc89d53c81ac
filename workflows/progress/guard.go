package progress

import (
	"cmp"
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"sluice/pipeline"
	"sluice/workflows"
)

// Guard implements workflows.GuardActivity: it reads how far the run has come, as
// the starter does, and returns the counts once they are more than is tolerated.
func Guard(ctx context.Context, in workflows.GuardInput) (pipeline.Counts, error) {
	return guard(ctx, NewReader(activity.GetClient(ctx), in.WorkflowID, in.RunID), in, func() { activity.RecordHeartbeat(ctx) })
}

func guard(ctx context.Context, r *Reader, in workflows.GuardInput, alive func()) (pipeline.Counts, error) {
	tick := time.NewTicker(cmp.Or(in.Every, workflows.GuardEvery))
	defer tick.Stop()
	for {
		alive()
		s, err := r.Read(ctx)
		if err != nil {
			return pipeline.Counts{}, err
		}
		// What earlier runs did is none of this one's doing.
		if c := s.Counts.Minus(s.Earlier); in.Tolerate.Exceeded(c, false) || !s.Status.Open() {
			return c, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return pipeline.Counts{}, ctx.Err()
		}
	}
}
