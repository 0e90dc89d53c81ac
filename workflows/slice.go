package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
)

// maxFanOut is how many partitions one workflow fans out over, so that no
// history comes near the limits: Temporal suggests to end one at 4,096 events,
// and stops it at 51,200. In its parent's history a partition leaves at most
//
//	 3  initiated, started, completed
//	 6  the workflow tasks that the last two of them wake, three events each
//	 4  the signal that it waits, and the workflow task that it wakes
//	 3  the memo: one event, or a timer and its workflow task for two partitions
//	--
//	16, which makes 4,800 of 300 partitions
//
// and, by the window of a slice, some 50 more. It is 9 to 10 where nothing
// waits.
const maxFanOut = 300

// Slice is one slice of a run that is too large for a single history: the same
// fan-out over a range of its plan, with a share of its window.
func Slice(ctx workflow.Context, in SliceInput) (Tally, error) {
	var names []string
	load := activities.LoadNamesInput{Run: in.Run, First: in.First, N: in.N}
	if err := workflow.ExecuteActivity(light(ctx, "the names of %d partitions", in.N), activities.LoadNamesActivity, load).Get(ctx, &names); err != nil {
		return Tally{}, plainly(err)
	}
	s := &slice{
		number: in.Slice,
		report: reporter{Progress: Progress{Planned: true, Partitions: in.N}},
		fanOut: fanOut{
			dataset: in.Dataset,
			input:   PartitionInput{Run: in.Run, HeartbeatTimeout: in.HeartbeatTimeout, Waits: in.Waits, Steering: in.Steering},
			first:   in.First,
			names:   names,
			window:  in.Window,
		},
	}
	s.changed = func(ctx workflow.Context) {
		s.report.changed(ctx, s.tally)
		s.spare(ctx)
	}
	workflow.GoNamed(ctx, "window", s.hearWindow)
	workflow.GoNamed(ctx, "steer", s.hearSteer)
	err := s.run(ctx)
	s.report.say(ctx)
	if err != nil {
		return s.tally, temporal.NewCanceledError(s.tally)
	}
	return s.tally, nil
}

type slice struct {
	fanOut
	number int
	report reporter
}

// hearWindow takes a larger share. One that comes too late to be of use is given
// back at once.
func (s *slice) hearWindow(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalWindow)
	for {
		signals.Receive(ctx, &s.window)
		if s.allBegun() {
			s.giveBack(ctx)
		}
	}
}

// hearSteer passes on how the run goes on.
func (s *slice) hearSteer(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalSteer)
	for {
		var now Steering
		signals.Receive(ctx, &now)
		s.steer(ctx, now)
	}
}

// spare gives back the places that have no use any more, a few times on the way
// from the whole window to none.
func (s *slice) spare(ctx workflow.Context) {
	if s.allBegun() && s.open > 0 && 2*len(s.places) <= s.window {
		s.giveBack(ctx)
	}
}

func (s *slice) giveBack(ctx workflow.Context) {
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	if parent == nil || s.window == len(s.places) {
		return
	}
	s.window = len(s.places)
	// Nothing waits for it; if the parent is gone, this slice is cancelled.
	workflow.SignalExternalWorkflow(ctx, parent.ID, parent.RunID, SignalSpare, Spare{s.number, s.window})
}

// sliceSummary names a slice in the UI.
func sliceSummary(in SliceInput) string {
	return fmt.Sprintf("partitions %s to %s", grouped(int64(in.First)), grouped(int64(in.First+in.N-1)))
}
