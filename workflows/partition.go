package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
)

// Partition does one partition: process, then, while rows that failed for a
// transient reason and waits are left, wait and process those again, then
// publish. It resumes what anybody has left of it, and one that is published is
// over at once.
func Partition(ctx workflow.Context, in PartitionInput) (PartitionResult, error) {
	r, err := partition(ctx, in)
	if err != nil && ctx.Err() != nil {
		// A worker that died under the cancel is no failure of the partition.
		return r, ctx.Err()
	}
	return r, plainly(err)
}

func partition(ctx workflow.Context, in PartitionInput) (PartitionResult, error) {
	done, err := process(ctx, in)
	if err != nil {
		return PartitionResult{}, err
	}
	r := PartitionResult{File: done.Partition.File, Examples: done.Position.Examples}
	if done.Published != nil {
		r.Counts = *done.Published
		return r, nil
	}
	c := done.Position
	if !c.Done(done.Partition) {
		return r, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("%s: the last pass left %d rows without an outcome: this is a defect of sluice", in.Name, c.Holes.Count()), FailedType, nil)
	}
	publish := activities.PublishInput{Run: in.Run, Partition: done.Partition, Checkpoint: c.Checkpoint}
	if err := workflow.ExecuteActivity(light(ctx, "publish %s", in.Name), activities.PublishActivity, publish).Get(ctx, &r.Counts); err != nil {
		return r, err
	}
	r.New = r.Counts.Rows() - c.Earlier
	workflow.SetCurrentDetails(ctx, partitionDetails(done.Report(), "published as `"+done.Partition.ManifestKey()+"`"))
	return r, nil
}

// process does the passes.
func process(ctx workflow.Context, in PartitionInput) (activities.ProcessResult, error) {
	pass := activities.ProcessInput{Run: in.Run, Index: in.Index, Pass: 1}
	s := &steered{Steering: in.Steering}
	workflow.GoNamed(ctx, "steer", func(ctx workflow.Context) {
		s.hear(ctx, func(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, in.details(s.Steering)) })
	})
	workflow.GoNamed(ctx, "report", func(ctx workflow.Context) { s.hearReports(ctx) })
	workflow.SetCurrentDetails(ctx, in.details(s.Steering))
	for again := 0; ; again++ {
		pass.LastPass = again == len(in.Waits)
		done, err := s.pass(ctx, in, pass)
		if err != nil || pass.LastPass || done.Published != nil || done.Position.Done(done.Partition) {
			return done, err
		}
		if again == 0 {
			giveBack(ctx, in.Index)
		}
		wait := max(in.Waits[again], min(done.Position.RetryAfter, maxRetryAfter))
		workflow.SetCurrentDetails(ctx, partitionDetails(done.Report(), fmt.Sprintf("%d rows failed for now, and are tried again at %s",
			done.Position.Holes.Count(), workflow.Now(ctx).Add(wait).UTC().Format(time.TimeOnly+" UTC"))))
		// Before there was this memo, rows of partitions that wait were not counted.
		if workflow.GetVersion(ctx, "standing", workflow.DefaultVersion, 1) == 1 {
			stand(ctx, done.Position)
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return done, err
		}
		pass.From, pass.Pass = &done.Position, done.Position.Pass+1
	}
}

// giveBack tells the parent that this partition waits, so that another one is
// begun in its place. It is told once: from then on this partition is beside the
// window, where it costs the workers little, since what is left of it is its
// holes; and a signal for each wait would lengthen the parent's history for
// nothing. If the parent is gone, there is nobody to tell.
func giveBack(ctx workflow.Context, index int) {
	if parent := workflow.GetInfo(ctx).ParentWorkflowExecution; parent != nil {
		_ = workflow.SignalExternalWorkflow(ctx, parent.ID, parent.RunID, SignalWaiting, index).Get(ctx, nil)
	}
}
