package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// reporter keeps the progress of a workflow where people and the starter read
// it: in the memo, which can be read while no worker is up, and in the current
// details, which the UI shows.
//
// A memo is an event of the history, so it is written at most every 5 s, and
// later on at most every hundredth of the time that has passed.
type reporter struct {
	Progress
	overview *Overview // what the guard has seen; nil if nothing
	steering Steering
	said     time.Time // when the memo was written
	dirty    bool      // it has changed since
	due      bool      // a timer runs for it
}

// maxDetails is how many bytes of details are shown; the server takes 20 kB.
const maxDetails = 16 << 10

const memoEvery = 5 * time.Second

// changed takes in what the fan-out has come to.
func (r *reporter) changed(ctx workflow.Context, t Tally) {
	r.Counts, r.Published, r.Failed, r.Failures, r.Examples = t.Counts, t.Published, t.Failed, t.Failures, t.Examples
	r.dirty = true
	r.show(ctx)
	r.sayIfDue(ctx)
}

// steered takes in how the run goes on.
func (r *reporter) steered(ctx workflow.Context, s Steering) {
	r.steering = s
	r.show(ctx)
}

// show shows it in the UI.
func (r *reporter) show(ctx workflow.Context) {
	details := r.markdown()
	if r.overview != nil {
		details = r.overview.markdown(r.Progress)
	}
	if r.steering.Paused {
		details = "**" + r.steering.pausedBy() + "**\n\n" + details
	}
	workflow.SetCurrentDetails(ctx, cut(details, maxDetails))
}

func (r *reporter) sayIfDue(ctx workflow.Context) {
	now := workflow.Now(ctx)
	passed := now.Sub(workflow.GetInfo(ctx).WorkflowStartTime)
	wait := r.said.Add(max(memoEvery, passed/100)).Sub(now)
	switch {
	case wait <= 0:
		r.say(ctx)
	case !r.due && ctx.Err() == nil:
		// The next change may be an hour off.
		r.due = true
		workflow.GoNamed(ctx, "memo", func(ctx workflow.Context) {
			err := workflow.Sleep(ctx, wait)
			r.due = false
			if err == nil && r.dirty {
				r.sayIfDue(ctx)
			}
		})
	}
}

// say writes the memo now.
func (r *reporter) say(ctx workflow.Context) {
	// It can only fail by a value that JSON does not take.
	_ = workflow.UpsertMemo(ctx, map[string]any{MemoProgress: r.Progress})
	r.said, r.dirty = workflow.Now(ctx), false
}
