package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"sluice/pipeline"
)

// ReportSignal tells a partition's workflow how far its pass is (Report), which
// the workflow shows in the UI. The heartbeat says the same in more detail, but
// no workflow hears those.
const ReportSignal = "report"

// Report is how far a partition is, for people.
type Report struct {
	Partition pipeline.Partition `json:"partition"`
	Pass      int                `json:"pass"`
	Counts    pipeline.Counts    `json:"counts"`
	At        time.Time          `json:"at"`
}

// Report is r for people.
func (r ProcessResult) Report() Report {
	c := r.Position.Checkpoint
	p := r.Partition
	p.Redo = nil // may list many rows
	return Report{Partition: p, Pass: c.Pass, Counts: c.Counts, At: c.At}
}

const (
	// reportAfter is how long a pass goes on without a report, so that small
	// partitions send none, and reportEvery the time between two; a report takes
	// four events of the partition's history. From ten times reportEvery on, they
	// are a tenth of the pass's time apart: 40 in a day.
	reportAfter = 5 * time.Second
	reportEvery = 30 * time.Second
	// reportLimit is how long one may take. It is sent between two checkpoints.
	reportLimit = time.Second
)

// reporter sends reports of a pass. Nobody counts on them: where one does not
// come through, the next checkpoint's heartbeat, which goes to the same server,
// has the server's word for it.
type reporter struct {
	signal func(context.Context, Report) error
	begun  time.Time
	last   time.Time
}

func newReporter(ctx context.Context) *reporter {
	c, info := activity.GetClient(ctx), activity.GetInfo(ctx).WorkflowExecution
	return &reporter{begun: time.Now(), signal: func(ctx context.Context, r Report) error {
		return c.SignalWorkflow(ctx, info.ID, info.RunID, ReportSignal, r)
	}}
}

// committed reports a checkpoint, if it is time to.
func (r *reporter) committed(ctx context.Context, now time.Time, result ProcessResult) {
	passed := now.Sub(r.begun)
	if passed < reportAfter || !r.last.IsZero() && now.Sub(r.last) < max(reportEvery, passed/10) {
		return
	}
	r.last = now
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	_ = r.signal(ctx, result.Report()) // see reporter
}
