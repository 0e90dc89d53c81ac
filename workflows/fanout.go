package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// maxStarting is how many children may be starting: initiated, and not yet
// confirmed by the server. It starts a child in a task that holds the parent's
// lock, and those that do not get the lock within half a second are put off by a
// second and more, again and again: with 25 at once, on two busy cores, a start
// took 7 s on average and 90 s at worst; with 8 it takes 0.25 s.
const maxStarting = 8

// fanOut holds the partitions of a range as children in a window: when one ends,
// or waits for a later pass, the next one is begun. The dataset workflow runs
// one over a small plan, and each slice one over its range.
//
// A child that fails is one failed partition, whoever or whatever ended it, and
// the others go on.
type fanOut struct {
	dataset string         // id of the dataset workflow
	input   PartitionInput // of all, but for Name and Index
	first   int            // index of the first one in the plan
	names   []string

	window int
	tally  Tally
	// changed is called when the tally or the places in use have changed.
	changed func(workflow.Context)

	places   map[int]bool // partitions that hold a place in the window
	begun    int
	starting int
	open     int
	children map[int]workflow.ChildWorkflowFuture // that have started and not ended
}

// run returns when every child has ended, with an error only if it was
// cancelled.
func (f *fanOut) run(ctx workflow.Context) error {
	f.places = map[int]bool{}
	f.children = map[int]workflow.ChildWorkflowFuture{}
	workflow.GoNamed(ctx, "waiting", f.hearWaiting)
	room := func() bool {
		return len(f.places) < f.window && f.starting < maxStarting && !f.input.Steering.Paused
	}
	for i, name := range f.names {
		if workflow.Await(ctx, room) != nil || ctx.Err() != nil {
			break
		}
		index := f.first + i
		f.places[index] = true
		f.begun++
		f.starting++
		f.open++
		workflow.GoNamed(ctx, name, func(ctx workflow.Context) { f.partition(ctx, index, name) })
	}
	await(ctx, func() bool { return f.open == 0 })
	return ctx.Err()
}

// allBegun is whether the window has more places than there is use for.
func (f *fanOut) allBegun() bool { return f.begun == len(f.names) }

// partition is one child, from start to end.
func (f *fanOut) partition(ctx workflow.Context, index int, name string) {
	in := f.input
	in.Index, in.Name = index, name
	var r PartitionResult
	future, err := start(child(ctx, PartitionID(f.dataset, name), "%s", name), PartitionWorkflow, in, func() { f.starting-- })
	if err == nil {
		f.children[index] = future
		if f.input.Steering != in.Steering { // it changed while the child was starting
			future.SignalChildWorkflow(ctx, SignalSteer, f.input.Steering)
		}
		err = future.Get(ctx, &r)
	}
	delete(f.children, index)
	delete(f.places, index)
	f.open--
	switch {
	case err == nil:
		f.tally.publish(r)
	case ctx.Err() != nil && temporal.IsCanceledError(err):
		// It ended with the run, and is no failure.
	default:
		f.tally.lose(name, reasonOf(name, err))
	}
	f.changed(ctx)
}

// steer has the partitions that are open, and those to come, go on otherwise.
func (f *fanOut) steer(ctx workflow.Context, s Steering) {
	f.input.Steering = s
	for i := range f.names {
		if future, ok := f.children[f.first+i]; ok {
			// Nothing waits for it; if the child has just ended, there is nothing
			// to steer.
			future.SignalChildWorkflow(ctx, SignalSteer, s)
		}
	}
}

// hearWaiting takes the places of those that wait back.
func (f *fanOut) hearWaiting(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalWaiting)
	for {
		var index int
		signals.Receive(ctx, &index)
		delete(f.places, index)
		f.changed(ctx)
	}
}

// A child's id may still be taken by the same partition's workflow of an earlier
// run: when that run was terminated, its children are cancelled and take a
// moment to end. It may be as long as a heartbeat timeout and a drain.
const (
	firstTaken = 2 * time.Second
	longTaken  = 5 * time.Minute
)

// start starts a child, and waits while its id is taken. confirmed is called
// once the server has answered.
func start(ctx workflow.Context, workflowType string, in any, confirmed func()) (workflow.ChildWorkflowFuture, error) {
	until := workflow.Now(ctx).Add(longTaken)
	for wait := firstTaken; ; wait *= 2 {
		future := workflow.ExecuteChildWorkflow(ctx, workflowType, in)
		err := future.GetChildWorkflowExecution().Get(ctx, nil)
		confirmed()
		confirmed = func() {}
		if !isTaken(err) || workflow.Now(ctx).Add(wait).After(until) {
			return future, err
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// await waits for what comes to pass even if ctx is cancelled.
func await(ctx workflow.Context, condition func() bool) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Await(ctx, condition) // fails only when ctx is cancelled
}
