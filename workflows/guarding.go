package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"sluice/pipeline"
)

// GuardActivity watches over a run: it adds up what is published and what running
// partitions have done, as the starter does, tells the workflow of it every now
// and then (SignalOverview), and returns once more rows have failed than are
// tolerated. An overview takes four events of the history; a look from the
// workflow would take six, and the guard looks far more often.
//
// A guard is there for as long as its run is open, and does next to nothing. So
// it has a task queue of its own (GuardQueue): on that of the light activities,
// the guards of a few runs would take the places that publishing needs.
const GuardActivity = "Guard"

// GuardInput is the input of Guard, whose result are the pipeline.Counts that are
// too much.
type GuardInput struct {
	WorkflowID string        `json:"workflow_id"` // the dataset workflow's
	RunID      string        `json:"run_id"`
	Tolerate   Tolerance     `json:"tolerate"`
	Every      time.Duration `json:"every,omitempty"` // between two looks; 0 is GuardEvery
	// Report is whether the workflow takes overviews.
	Report bool `json:"report,omitempty"`
}

// GuardEvery is how often Guard looks, where not every row may fail: a read of a
// window of 500 takes 150 ms.
const GuardEvery = 5 * time.Second

// GuardQueue is the task queue of guards.
func GuardQueue(taskQueue string) string { return taskQueue + "-guard" }

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
	if g.quiet {
		return
	}
	// Before there were overviews, a run in which every row may fail had no guard.
	report := workflow.GetVersion(ctx, "overview", workflow.DefaultVersion, 1) == 1
	if tolerate.Anything() && !report {
		return
	}
	ctx, g.cancel = workflow.WithCancel(ctx)
	info := workflow.GetInfo(ctx).WorkflowExecution
	watching := light(ctx, "look after the run")
	if !tolerate.Anything() {
		watching = light(ctx, "look after the run, and stop it if more than %s of its rows fail", string(tolerate))
	}
	watching = workflow.WithTaskQueue(watching, GuardQueue(workflow.GetInfo(ctx).TaskQueueName))
	watching = workflow.WithWaitForCancellation(watching, false)
	in := GuardInput{WorkflowID: info.ID, RunID: info.RunID, Tolerate: tolerate, Report: report}
	future := workflow.ExecuteActivity(watching, GuardActivity, in)
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
