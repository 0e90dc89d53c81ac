package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

// Dataset is a run: it plans, fans out over the partitions of the plan, and
// writes down how it ended.
func Dataset(ctx workflow.Context, in RunInput) (RunResult, error) {
	in = in.WithDefaults()
	d := &dataset{in: in, run: activities.Run{Key: ownKey(ctx, pipeline.RunPrefix), Spec: in.Spec, Output: in.Output}}
	workflow.SetCurrentDetails(ctx, d.report.markdown())
	if err := d.planned(ctx); err != nil {
		return RunResult{}, plainly(err)
	}
	tally, err := d.fanOut(ctx)
	var totals pipeline.Totals
	if err == nil && tally.Failed == 0 {
		totals, err = d.finish(ctx, pipeline.Succeeded, tally, 0)
	}
	d.report.say(ctx)
	switch {
	case ctx.Err() != nil && err != nil:
		d.farewell(ctx, pipeline.Cancelled, tally)
		return RunResult{}, ctx.Err()
	case tally.Failed > 0:
		d.farewell(ctx, pipeline.Broken, tally)
		return RunResult{}, runFailed(tally, d.plan.Partitions)
	case err != nil:
		d.farewell(ctx, pipeline.Broken, tally)
		return RunResult{}, plainly(err)
	}
	return RunResult{Counts: totals.Counts, New: tally.New, Partitions: totals.Partitions}, nil
}

// dataset is one run of Dataset.
type dataset struct {
	in     RunInput
	run    activities.Run
	plan   pipeline.PlanSummary
	report reporter
}

// ownKey names what the workflow itself stores: by its time, and against two in
// one second by the end of its id. A workflow that is reset keeps both.
func ownKey(ctx workflow.Context, prefix string) string {
	info := workflow.GetInfo(ctx)
	id := info.OriginalRunID
	return fmt.Sprintf("%s%s-%s/", prefix, info.WorkflowStartTime.UTC().Format("20060102T150405Z"), id[max(0, len(id)-4):])
}

// planned plans, and says so.
func (d *dataset) planned(ctx workflow.Context) error {
	in := activities.PlanInput{
		Run: d.run, RowsPerPartition: d.in.RowsPerPartition, MaxPartitions: maxPartitions, Redo: d.in.Redo,
		Collection: CollectID(workflow.GetInfo(ctx).WorkflowExecution.ID),
	}
	what := "list " + d.in.Spec.Input + " and cut it into partitions"
	if d.in.Redo != nil {
		what = "find the rows that are done again"
	}
	err := workflow.ExecuteActivity(light(ctx, "%s", what), activities.PlanActivity, in).Get(ctx, &d.plan)
	if err != nil {
		return err
	}
	if spec := d.plan.Spec; spec != nil {
		spec.Input = cmp.Or(d.run.Spec.Input, spec.Input)
		d.run.Spec = *spec
	}
	if d.plan.Partitions > maxPartitions {
		return tooMany(d.plan.Partitions)
	}
	d.report.Progress = Progress{
		Planned:    true,
		Rows:       d.plan.Rows + d.plan.Done.Rows(),
		Partitions: d.plan.Partitions + d.plan.Earlier,
		Done:       d.plan.Done,
		Earlier:    d.plan.Earlier,
	}
	d.report.changed(ctx, Tally{})
	return nil
}

// fanOut does the partitions, in slices if they are many. It returns when every
// one of them has ended, with an error if it was cancelled.
func (d *dataset) fanOut(ctx workflow.Context) (Tally, error) {
	id := workflow.GetInfo(ctx).WorkflowExecution.ID
	n := d.plan.Partitions
	if count := sliceCount(n, d.in.InFlight); count > 0 {
		s := &slicing{
			input:      SliceInput{Run: d.run, Dataset: id, HeartbeatTimeout: d.in.HeartbeatTimeout, Waits: d.in.Waits},
			partitions: n,
			shares:     newShares(d.in.InFlight, count),
		}
		s.changed = func(ctx workflow.Context) { d.report.changed(ctx, s.tally) }
		err := s.run(ctx)
		return s.tally, err
	}
	if n == 0 {
		return Tally{}, nil
	}
	var names []string
	load := activities.LoadNamesInput{Run: d.run, N: n}
	if err := workflow.ExecuteActivity(light(ctx, "the names of %d partitions", n), activities.LoadNamesActivity, load).Get(ctx, &names); err != nil {
		return Tally{}, err
	}
	f := &fanOut{
		dataset: id,
		input:   PartitionInput{Run: d.run, HeartbeatTimeout: d.in.HeartbeatTimeout, Waits: d.in.Waits},
		names:   names,
		window:  d.in.InFlight,
	}
	f.changed = func(ctx workflow.Context) { d.report.changed(ctx, f.tally) }
	err := f.run(ctx)
	return f.tally, err
}

// finish writes down how the run ended. It takes as long as limit at most, or
// with 0 for as long as it takes.
func (d *dataset) finish(ctx workflow.Context, status string, t Tally, limit time.Duration) (totals pipeline.Totals, err error) {
	in := activities.FinishInput{Run: d.run, Ending: pipeline.Ending{
		Status:   status,
		Started:  workflow.GetInfo(ctx).WorkflowStartTime,
		Finished: workflow.Now(ctx),
		New:      t.New,
		Failures: t.Failures,
	}}
	ctx = workflow.WithScheduleToCloseTimeout(light(ctx, "write the summary: %s", status), limit)
	err = workflow.ExecuteActivity(ctx, activities.FinishActivity, in).Get(ctx, &totals)
	return totals, err
}

// farewell writes down that a run did not succeed. Whether or not that works,
// the run ends as it was about to: the next one does not need it.
func (d *dataset) farewell(ctx workflow.Context, status string, t Tally) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	limit := farewell
	if status == pipeline.Cancelled {
		limit = briefFarewell
	}
	if _, err := d.finish(ctx, status, t, limit); err != nil {
		workflow.GetLogger(ctx).Warn("the run's summary could not be written", "reason", reason(err))
	}
}
