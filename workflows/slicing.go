package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// maxPartitions is the largest plan. A slice leaves some 45 events in the dataset
// workflow's history: 9 for its start and end, and 36 for the places that it gives
// back and is given. That makes 30,000, of the 51,200 that the server allows; it
// is under 5,000 up to 33,000 partitions.
const maxPartitions = 200_000

// sliceCount is into how many slices a plan is cut; 0 is none: one fan-out holds
// it. A wide window over a small plan is cut, too, since a share has its limit.
func sliceCount(partitions, window int) int {
	window = min(window, partitions)
	if partitions <= maxFanOut && window <= maxGrown {
		return 0
	}
	return max(ceil(partitions, maxFanOut), ceil(window, maxShare))
}

// sliceRange is slice k of n over so many partitions.
func sliceRange(k, n, partitions int) (first, size int) {
	first = k * partitions / n
	return first, (k+1)*partitions/n - first
}

// slicing runs the slices of a run, some at a time.
type slicing struct {
	input      SliceInput // of all, but for their range and window
	partitions int
	shares     *shares
	tally      Tally
	changed    func(workflow.Context)
	starting   int
	futures    map[int]workflow.ChildWorkflowFuture // of those that run
}

// run returns when every slice has ended, with an error only if it was
// cancelled.
func (s *slicing) run(ctx workflow.Context) error {
	s.futures = map[int]workflow.ChildWorkflowFuture{}
	workflow.GoNamed(ctx, "spare", s.hearSpare)
	s.deal(ctx)
	await(ctx, func() bool { return s.shares.done() || ctx.Err() != nil && len(s.shares.live) == 0 })
	return ctx.Err()
}

// deal hands out the places that are free.
func (s *slicing) deal(ctx workflow.Context) {
	if ctx.Err() != nil || s.input.Steering.Paused {
		return
	}
	for _, d := range s.shares.deal(maxStarting - s.starting) {
		if d.begin {
			s.starting++
			workflow.GoNamed(ctx, fmt.Sprintf("slice %d", d.slice), func(ctx workflow.Context) { s.slice(ctx, d.slice, d.places) })
		} else if future, ok := s.futures[d.slice]; ok {
			// Nothing waits for it; if the slice has just ended, its share
			// comes back whole.
			future.SignalChildWorkflow(ctx, SignalWindow, d.places)
		}
	}
}

// slice is one slice, from start to end.
func (s *slicing) slice(ctx workflow.Context, k, places int) {
	in := s.input
	in.Slice, in.Window = k, places
	begun := in.Steering
	in.First, in.N = sliceRange(k, s.shares.n, s.partitions)
	var t Tally
	future, err := start(child(ctx, SliceID(in.Dataset, k), "%s", sliceSummary(in)), SliceWorkflow, in, func() { s.starting-- })
	if err == nil {
		s.futures[k] = future
		if s.input.Steering != begun {
			future.SignalChildWorkflow(ctx, SignalSteer, s.input.Steering)
		}
		if grown := s.shares.placesOf(k); grown != places {
			future.SignalChildWorkflow(ctx, SignalWindow, grown)
		}
		s.deal(ctx)
		err = future.Get(ctx, &t)
	}
	delete(s.futures, k)
	s.shares.ended(k)
	var cancelled *temporal.CanceledError
	if errors.As(err, &cancelled) && cancelled.HasDetails() {
		_ = cancelled.Details(&t) // what does not decode counts as nothing done
	}
	if err != nil && ctx.Err() == nil {
		t.fail(in.N-t.Published-t.Failed, cut(fmt.Sprintf("slice %d (%s): %s", k, sliceSummary(in), reason(err)), maxReason))
	}
	s.tally.add(t)
	s.changed(ctx)
	s.deal(ctx)
}

// steer has the slices that are open, and those to come, go on otherwise.
func (s *slicing) steer(ctx workflow.Context, now Steering) {
	s.input.Steering = now
	for k := range s.shares.n {
		if future, ok := s.futures[k]; ok {
			future.SignalChildWorkflow(ctx, SignalSteer, now)
		}
	}
	s.deal(ctx)
}

// resize changes the window.
func (s *slicing) resize(ctx workflow.Context, window int) {
	for _, d := range s.shares.resize(window) {
		if future, ok := s.futures[d.slice]; ok {
			future.SignalChildWorkflow(ctx, SignalWindow, d.places)
		}
	}
	s.deal(ctx)
}

// hearSpare takes back what slices at their end have no use for.
func (s *slicing) hearSpare(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalSpare)
	for {
		var spare Spare
		signals.Receive(ctx, &spare)
		s.shares.spare(spare.Slice, spare.Places)
		s.deal(ctx)
	}
}
