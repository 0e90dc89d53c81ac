package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"sluice/pipeline"
)

// Overlap is what a night does that finds a run of its output open.
type Overlap string

// The overlaps.
const (
	Skip      Overlap = "skip"       // it does nothing, and says so
	BufferOne Overlap = "buffer-one" // it waits until that has ended
)

// NightInput is the input of the workflow that a schedule starts.
type NightInput struct {
	Run     RunInput `json:"run"`
	RunID   string   `json:"run_id"` // id of the run's dataset workflow
	Overlap Overlap  `json:"overlap"`
	// Summary and Details are what the UI shows of the run.
	Summary string `json:"summary"`
	Details string `json:"details"`
}

// NightResult is what a night came to. It is in the memo, too, of a night that
// is open or failed as well, so that it can be read without its history.
type NightResult struct {
	// Said is the night in a line.
	Said    string `json:"said"`
	Skipped bool   `json:"skipped,omitempty"` // a run was open, and there was none of its own
	Waiting bool   `json:"waiting,omitempty"` // a run is open, and its own comes next
	// Run is the run's id within its workflow, once there is one.
	Run string `json:"run,omitempty"`
	// Counts and Partitions are the whole output's, of a run that succeeded, and
	// New is how many rows it did.
	New        int64           `json:"new"`
	Counts     pipeline.Counts `json:"counts"`
	Partitions int             `json:"partitions"`
}

// LookActivity says whether a workflow is open, and since when.
const LookActivity = "Look"

// Look is its result.
type Look struct {
	Open  bool      `json:"open"`
	Since time.Time `json:"since"`
}

// A night that waits looks again after an eighth of the time that it has waited:
// often at first, and in the end four times an hour. That is 1,000 events of its
// history a day.
const (
	firstLook = 2 * time.Second
	lastLook  = 15 * time.Minute
)

// Night is one start by a schedule: a run under its output's id, as if somebody
// had called `starter run`. A night that fails leaves to the next one what it
// has not done.
func Night(ctx workflow.Context, in NightInput) (NightResult, error) {
	n := &night{in: in}
	run, err := n.start(ctx)
	if err != nil {
		return n.ended(ctx, RunResult{}, err)
	}
	if n.Skipped {
		return n.NightResult, nil
	}
	var r RunResult
	err = run.Get(ctx, &r)
	return n.ended(ctx, r, err)
}

// night is one run of Night.
type night struct {
	NightResult
	in NightInput
}

// start starts the run, or finds that there is one and skips. Temporal itself
// allows one open run an output, so there is no moment at which two are started.
func (n *night) start(ctx workflow.Context) (workflow.ChildWorkflowFuture, error) {
	opts := workflow.GetChildWorkflowOptions(child(ctx, n.in.RunID, "%s", n.in.Summary))
	opts.StaticSummary, opts.StaticDetails = n.in.Summary, n.in.Details
	opts.Memo = map[string]any{MemoRun: n.in.Run}
	if n.in.Run.Indexed {
		opts.TypedSearchAttributes = n.in.Run.SearchAttributes()
	}
	asRun := workflow.WithChildOptions(ctx, opts)
	begun := workflow.Now(ctx)
	for {
		var started workflow.Execution
		run := workflow.ExecuteChildWorkflow(asRun, DatasetWorkflow, n.in.Run)
		err := run.GetChildWorkflowExecution().Get(ctx, &started)
		if !isTaken(err) {
			if err == nil {
				n.Waiting, n.Run = false, started.RunID
				n.say(ctx, "running")
			}
			return run, err
		}
		if !n.Waiting {
			if err := n.meet(ctx); err != nil || n.Skipped {
				return nil, err
			}
		}
		waited := workflow.Now(ctx).Sub(begun)
		if err := workflow.Sleep(ctx, min(max(firstLook, waited/8), lastLook)); err != nil {
			return nil, err
		}
	}
}

// meet has found a run open: it says so, and whether it waits for it.
func (n *night) meet(ctx workflow.Context) error {
	output, _ := OutputOfID(n.in.RunID)
	var open Look
	if err := workflow.ExecuteActivity(light(ctx, "who is at %s", output), LookActivity, n.in.RunID).Get(ctx, &open); err != nil {
		return err
	}
	if !open.Open {
		return nil // it has ended since: try again
	}
	n.Skipped, n.Waiting = n.in.Overlap != BufferOne, n.in.Overlap == BufferOne
	word := "skipped"
	if n.Waiting {
		word = "waiting"
	}
	n.say(ctx, fmt.Sprintf("%s: a run of %s is open since %s", word, output, open.Since.UTC().Format(time.DateTime+" UTC")))
	return nil
}

// ended takes in how the run ended.
func (n *night) ended(ctx workflow.Context, r RunResult, err error) (NightResult, error) {
	n.Waiting = false
	switch {
	case err == nil:
		n.New, n.Counts, n.Partitions = r.New, r.Counts, r.Partitions
		n.say(ctx, n.counted())
		return n.NightResult, nil
	case temporal.IsCanceledError(err):
		// The night, or the run by itself: either way nobody wants it any more.
		n.say(ctx, "it was cancelled")
		return n.NightResult, temporal.NewCanceledError()
	}
	n.say(ctx, cut(reason(err), maxReason))
	return n.NightResult, failedNight(err)
}

// counted says what a run that succeeded did.
func (n *night) counted() string {
	c := n.Counts
	all := fmt.Sprintf("%s ok, %s failed, %s skipped of all %s rows", grouped(c.OK), grouped(c.Failed), grouped(c.Skipped), grouped(c.Rows()))
	if n.New == 0 {
		return "nothing new; " + all
	}
	return grouped(n.New) + " new; " + all
}

// say puts the night, in a line, where people and the starter read it.
func (n *night) say(ctx workflow.Context, line string) {
	n.Said = line
	workflow.SetCurrentDetails(ctx, line)
	_ = workflow.UpsertMemo(ctx, map[string]any{MemoNight: n.NightResult}) // fails by a value that JSON does not take
}
