package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"sluice/pipeline"
)

// GuardActivity adds up what is published and what running partitions have done,
// as the starter does, and returns once that is more than is tolerated. It takes
// three events of the history, however long the run; a look every now and then
// from the workflow would take six each.
const GuardActivity = "Guard"

// GuardInput is the input of Guard, whose result are the pipeline.Counts that are
// too much.
type GuardInput struct {
	WorkflowID string        `json:"workflow_id"` // the dataset workflow's
	RunID      string        `json:"run_id"`
	Tolerate   Tolerance     `json:"tolerate"`
	Every      time.Duration `json:"every,omitempty"` // between two looks; 0 is GuardEvery
}

// GuardEvery is how often Guard looks: a read of a window of 500 takes 150 ms.
const GuardEvery = 5 * time.Second

// guard watches over a run, and stops it.
type guard struct {
	tolerate Tolerance
	stop     func()          // the run
	exceeded pipeline.Counts // why
	stopped  bool
	cancel   workflow.CancelFunc // of the activity; nil without one
	quiet    bool                // the run is over
}

// watch has the activity watch under the tolerance of now. What it watched under
// before counts no more.
func (g *guard) watch(ctx workflow.Context, tolerate Tolerance) {
	g.tolerate = tolerate
	if g.cancel != nil {
		g.cancel()
		g.cancel = nil
	}
	if tolerate.Anything() || g.quiet {
		return
	}
	ctx, g.cancel = workflow.WithCancel(ctx)
	info := workflow.GetInfo(ctx).WorkflowExecution
	watching := light(ctx, "stop the run if more than %s of its rows fail", string(tolerate))
	watching = workflow.WithWaitForCancellation(watching, false)
	future := workflow.ExecuteActivity(watching, GuardActivity, GuardInput{WorkflowID: info.ID, RunID: info.RunID, Tolerate: tolerate})
	workflow.GoNamed(ctx, "guard", func(ctx workflow.Context) {
		var c pipeline.Counts
		if future.Get(ctx, &c) == nil && g.tolerate == tolerate {
			g.judge(c, false)
		}
	})
}

// judge stops the run if c is more than is tolerated.
func (g *guard) judge(c pipeline.Counts, atEnd bool) {
	if !g.stopped && g.tolerate.Exceeded(c, atEnd) {
		g.stopped, g.exceeded = true, c
		g.stop()
	}
}

// end ends the watching: the run is over.
func (g *guard) end() {
	g.quiet = true
	if g.cancel != nil {
		g.cancel()
		g.cancel = nil
	}
}
