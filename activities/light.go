package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"sluice/pipeline"
)

// Plan plans a run. Its heartbeats are a pipeline.PlanProgress.
func (a *Activities) Plan(ctx context.Context, in PlanInput) (pipeline.PlanSummary, error) {
	return light(ctx, a.begun, in.Run, func(ctx context.Context, out pipeline.Output, progress func(pipeline.PlanProgress)) (pipeline.PlanSummary, error) {
		if collecting, err := a.beside(ctx, in.Collection); err != nil || collecting {
			return pipeline.PlanSummary{}, cmp.Or(err, errors.New("starter gc is at this output: the run begins when that has ended"))
		}
		req := pipeline.PlanRequest{Run: in.Key, Spec: in.Spec, RowsPerPartition: in.RowsPerPartition, MaxPartitions: in.MaxPartitions, Redo: in.Redo}
		return out.Plan(ctx, req, progress)
	})
}

// LoadNames reads the names of some partitions of the plan: what workflows know
// of them, for ids and summaries.
func (a *Activities) LoadNames(ctx context.Context, in LoadNamesInput) ([]string, error) {
	return light(ctx, a.accepted, in.Run, func(ctx context.Context, out pipeline.Output, _ func(none)) ([]string, error) {
		ps, err := out.Partitions(ctx, in.Key, in.First, in.N)
		if err != nil {
			return nil, err
		}
		if len(ps) != in.N {
			return nil, fmt.Errorf("the plan %s has %d partitions from number %d on, not %d", in.Key, len(ps), in.First, in.N)
		}
		names := make([]string, in.N)
		for i, p := range ps {
			names[i] = p.Name
		}
		return names, nil
	})
}

// Publish publishes a partition's manifest. It can be done again at any point.
func (a *Activities) Publish(ctx context.Context, in PublishInput) (pipeline.Counts, error) {
	return light(ctx, a.accepted, in.Run, func(ctx context.Context, out pipeline.Output, _ func(none)) (pipeline.Counts, error) {
		return out.Publish(ctx, in.Partition, in.Checkpoint)
	})
}

// Finish writes what a run leaves behind when it ends.
func (a *Activities) Finish(ctx context.Context, in FinishInput) (pipeline.Totals, error) {
	return light(ctx, a.accepted, in.Run, func(ctx context.Context, out pipeline.Output, _ func(none)) (pipeline.Totals, error) {
		return out.Finish(ctx, in.Key, in.Ending)
	})
}

// Survey is the first step of a verification. Its heartbeats are a
// pipeline.VerifyProgress.
func (a *Activities) Survey(ctx context.Context, in VerifyInput) (pipeline.Survey, error) {
	return light(ctx, a.called, in.run(), func(ctx context.Context, out pipeline.Output, progress func(pipeline.VerifyProgress)) (pipeline.Survey, error) {
		return out.Survey(ctx, in.Request, progress)
	})
}

// VerifyChunk verifies one chunk. Its heartbeats are a pipeline.VerifyProgress.
func (a *Activities) VerifyChunk(ctx context.Context, in VerifyChunkInput) (pipeline.Report, error) {
	return light(ctx, a.accepted, in.run(), func(ctx context.Context, out pipeline.Output, progress func(pipeline.VerifyProgress)) (pipeline.Report, error) {
		return out.VerifyChunk(ctx, a.Engine, in.Request, in.Chunk, progress)
	})
}

// Collect removes what no manifest names. Its heartbeats are a
// pipeline.Collected.
func (a *Activities) Collect(ctx context.Context, in CollectInput) (pipeline.Collected, error) {
	run := Run{Key: in.Request.Run, Spec: pipeline.Spec{Input: in.Input}, Output: in.Output}
	return light(ctx, a.called, run, func(ctx context.Context, out pipeline.Output, progress func(pipeline.Collected)) (pipeline.Collected, error) {
		if running, err := a.beside(ctx, in.RunID); err != nil || running {
			return pipeline.Collected{}, cmp.Or(err, pipeline.Usagef("a run of %s is open, and stores what gc might remove: wait for its end, or cancel it", out.Store.URL()))
		}
		return out.Collect(ctx, in.Request, progress)
	})
}

// EndVerify is the last step of a verification.
func (a *Activities) EndVerify(ctx context.Context, in EndVerifyInput) error {
	_, err := light(ctx, a.accepted, in.run(), func(ctx context.Context, out pipeline.Output, _ func(none)) (none, error) {
		return none{}, out.EndVerify(ctx, in.Request, in.Found)
	})
	return err
}

// none is the progress of what is over in a moment.
type none struct{}

// light does one step on a run's output. It heartbeats meanwhile, and ends the
// step when the attempt is to end: each can be done again from the start.
func light[P, R any](ctx context.Context, open opening, run Run,
	step func(ctx context.Context, out pipeline.Output, progress func(P)) (R, error),
) (R, error) {
	return Alive(ctx, func(ctx context.Context, progress func(P)) (result R, err error) {
		out, err := open(ctx, run)
		if err != nil {
			return result, err
		}
		return step(ctx, out, progress)
	})
}

// Alive does what an activity is for that has no checkpoints. It heartbeats
// meanwhile, with what was handed to progress last, ends ctx when the attempt is
// to end, and puts the error into Temporal's terms.
func Alive[P, R any](ctx context.Context, do func(ctx context.Context, progress func(P)) (R, error)) (result R, err error) {
	ctx, alive := keepAlive[P](ctx)
	defer func() {
		if cause := alive.stop(); err != nil && cause != nil {
			err = cause
		}
		if err != nil {
			err = temporalError(err)
		}
	}()
	return do(ctx, alive.progress)
}
