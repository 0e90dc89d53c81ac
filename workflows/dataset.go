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
	d.guard.tolerate = in.Tolerate
	d.steering.PerHost = in.PerHost
	workflow.SetCurrentDetails(ctx, d.report.markdown())
	workflow.GoNamed(ctx, "steer", d.hearSteer)
	workflow.GoNamed(ctx, "overview", d.hearOverview)
	if err := d.planned(ctx); err != nil {
		return RunResult{}, plainly(err)
	}
	tally, err := d.fanOut(ctx)
	var totals pipeline.Totals
	if err == nil && tally.Failed == 0 && !d.guard.stopped {
		totals, err = d.finish(ctx, pipeline.Succeeded, tally, 0)
	}
	d.report.say(ctx)
	switch {
	case ctx.Err() != nil && err != nil:
		d.farewell(ctx, pipeline.Cancelled, tally)
		return RunResult{}, ctx.Err()
	case d.guard.stopped:
		tally.fail(0, d.guard.tolerate.complaint(d.guard.exceeded))
		d.farewell(ctx, pipeline.Broken, tally)
		return RunResult{}, runStopped(d.guard)
	case tally.Failed > 0:
		d.farewell(ctx, pipeline.Broken, tally)
		return RunResult{}, runFailed(tally, d.plan.Partitions)
	case err != nil:
		d.farewell(ctx, pipeline.Broken, tally)
		return RunResult{}, plainly(err)
	}
	d.index(ctx, pipeline.Succeeded)
	return RunResult{Counts: totals.Counts, New: tally.New, Partitions: totals.Partitions}, nil
}

// dataset is one run of Dataset.
type dataset struct {
	in       RunInput
	run      activities.Run
	plan     pipeline.PlanSummary
	report   reporter
	steering Steering
	status   string // as the list has it
	guard    guard
	// steer and resize reach the partitions, once there are any.
	steer  func(workflow.Context, Steering)
	resize func(workflow.Context, int)
}

// hearSteer takes in how the run is to go on, and says so in the memo.
func (d *dataset) hearSteer(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalSteer)
	for {
		var s Steer
		signals.Receive(ctx, &s)
		d.take(ctx, s)
		steered := Steered{Steering: d.steering, ID: s.ID, InFlight: d.in.InFlight, Tolerate: string(d.guard.tolerate)}
		_ = workflow.UpsertMemo(ctx, map[string]any{MemoSteered: steered}) // fails by a value that JSON does not take
		d.report.steered(ctx, d.steering)
		d.index(ctx, d.standing())
	}
}

func (d *dataset) take(ctx workflow.Context, s Steer) {
	now := d.steering
	if s.Paused != nil {
		now.Paused, now.By, now.Why = *s.Paused, s.By, s.Why
	}
	if s.PerHost != nil {
		now.PerHost = *s.PerHost
	}
	if now != d.steering {
		d.steering = now
		if d.steer != nil {
			d.steer(ctx, now)
		}
	}
	if s.InFlight != nil && *s.InFlight > 0 {
		d.in.InFlight = *s.InFlight
		if d.resize != nil {
			d.resize(ctx, d.in.InFlight)
		}
	}
	if s.Tolerate != nil && Tolerance(*s.Tolerate).Check() == nil {
		d.guard.tolerate = Tolerance(*s.Tolerate)
		if d.guard.stop != nil {
			d.guard.watch(ctx, d.guard.tolerate)
		}
	}
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
	d.index(ctx, d.standing())
	return nil
}

// fanOut does the partitions, in slices if they are many. It returns when every
// one of them has ended, with an error if it was cancelled or stopped.
func (d *dataset) fanOut(ctx workflow.Context) (Tally, error) {
	n := d.plan.Partitions
	if n == 0 {
		return Tally{}, nil
	}
	ctx, stop := workflow.WithCancel(ctx)
	d.guard.stop = stop
	d.guard.watch(ctx, d.guard.tolerate)
	defer d.guard.end()
	var t Tally
	var err error
	if count := sliceCount(n, d.in.InFlight); count > 0 {
		t, err = d.inSlices(ctx, count)
	} else {
		t, err = d.atOnce(ctx)
	}
	if err == nil && len(t.Lost) > 0 && !d.guard.stopped {
		d.regain(ctx, &t)
	}
	d.guard.judge(t.Counts, true)
	d.report.overview = nil // it was of open partitions
	d.report.show(ctx)
	return t, err
}

// inSlices does the partitions in so many slices.
func (d *dataset) inSlices(ctx workflow.Context, count int) (Tally, error) {
	s := &slicing{
		input: SliceInput{
			Run: d.run, Dataset: workflow.GetInfo(ctx).WorkflowExecution.ID,
			HeartbeatTimeout: d.in.HeartbeatTimeout, Waits: d.in.Waits, Steering: d.steering,
		},
		partitions: d.plan.Partitions,
		shares:     newShares(d.in.InFlight, count),
	}
	s.changed = func(ctx workflow.Context) { d.changed(ctx, s.tally) }
	d.steer, d.resize = s.steer, s.resize
	err := s.run(ctx)
	return s.tally, err
}

// atOnce does the partitions in one fan-out.
func (d *dataset) atOnce(ctx workflow.Context) (Tally, error) {
	var names []string
	n := d.plan.Partitions
	load := activities.LoadNamesInput{Run: d.run, N: n}
	if err := workflow.ExecuteActivity(light(ctx, "the names of %d partitions", n), activities.LoadNamesActivity, load).Get(ctx, &names); err != nil {
		return Tally{}, err
	}
	f := &fanOut{
		dataset: workflow.GetInfo(ctx).WorkflowExecution.ID,
		input:   PartitionInput{Run: d.run, HeartbeatTimeout: d.in.HeartbeatTimeout, Waits: d.in.Waits, Steering: d.steering},
		names:   names,
		window:  d.in.InFlight,
	}
	f.changed = func(ctx workflow.Context) { d.changed(ctx, f.tally) }
	d.steer, d.resize = f.steer, func(_ workflow.Context, n int) { f.window = min(n, maxGrown) }
	err := f.run(ctx)
	return f.tally, err
}

// changed takes in what the fan-out has come to.
func (d *dataset) changed(ctx workflow.Context, t Tally) {
	d.report.changed(ctx, t)
	d.guard.judge(t.Counts, false)
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
	d.index(ctx, status)
	limit := farewell
	if status == pipeline.Cancelled {
		limit = briefFarewell
	}
	if _, err := d.finish(ctx, status, t, limit); err != nil {
		workflow.GetLogger(ctx).Warn("the run's summary could not be written", "reason", reason(err))
	}
}
