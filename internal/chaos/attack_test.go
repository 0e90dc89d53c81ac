package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/internal/wire"
)

// attack carries out a schedule. Processes and wires are changed by the one
// goroutine that runs it; what waits for an answer from Temporal has goroutines
// of its own.
type attack struct {
	*world
	runs    *runs
	waiting sync.WaitGroup
	undone  map[int]func() // what is to be done when a step ends
	bill    bill
	done    []Step
}

// run returns when the schedule is over, or something was found.
func (a *attack) run(ctx context.Context, steps []Step) {
	a.undone = map[int]func(){}
	for i := 0; ; {
		// What is next: the end of a step, or the beginning of one.
		next, end := time.Duration(-1), -1
		for j := range a.undone {
			if at := steps[j].End(); end < 0 || at < next {
				next, end = at, j
			}
		}
		if i < len(steps) && (end < 0 || steps[i].At <= next) {
			next, end = steps[i].At, -1
		}
		if next < 0 {
			break
		}
		select {
		case <-time.After(time.Until(a.begun.Add(next))):
		case <-a.found:
			return
		case <-ctx.Done():
			return
		}
		if end >= 0 {
			a.note("    over: %s", steps[end])
			a.undone[end]()
			delete(a.undone, end)
			continue
		}
		a.note("%s", steps[i])
		a.done = append(a.done, steps[i])
		undo := a.begin(ctx, steps[i], fmt.Sprint("step ", i))
		switch {
		case undo == nil:
		case steps[i].For > 0:
			a.undone[i] = undo
		default:
			undo()
		}
		i++
	}
}

// begin does a step, and returns what ends it, or nil.
func (a *attack) begin(ctx context.Context, s Step, name string) (undo func()) {
	a.bill.add(s, len(a.workers))
	k := a.workers[s.Worker]
	switch s.Kind {
	case KillWorker:
		k.kill()
		return k.start
	case StopWorker:
		k.stop()
		return k.start
	case FreezeWorker, FreezeAlone:
		k.freeze(s.Kind == FreezeWorker)
		return k.thaw
	case CutTemporal:
		return a.bend(k.temporal, s.Wire)
	case CutStore:
		return a.bend(k.store, s.Wire)
	case KillTemporal:
		a.temporal.Kill()
		return a.temporal.Restart
	case KillStore:
		a.store.Kill()
		return a.store.Restart
	case FillDisk:
		if err := a.disk.fill(); err != nil {
			a.t.Fatal(err)
		}
		return func() {
			if err := a.disk.free(); err != nil {
				a.t.Fatal(err)
			}
		}
	case PauseActivity, ResetActivity, ForgetActivity, ResetPartition:
		return a.toActivity(ctx, s, name)
	case CancelRun, TerminateRun, RecutRun, ReplaceUnderRun:
		a.waiting.Go(func() { a.runs.disturb(ctx, s.Kind, s.Choice) })
	}
	return nil
}

func (a *attack) bend(w *wire.Wire, to wire.State) (undo func()) {
	be := func(s wire.State) {
		if err := w.Be(s); err != nil {
			a.t.Fatal(err)
		}
	}
	be(to)
	return func() { be(wire.Whole) }
}

// toActivity does something to an activity, in its own time.
func (a *attack) toActivity(ctx context.Context, s Step, name string) (undo func()) {
	o, over := operator{a.world}, make(chan struct{})
	a.waiting.Go(func() {
		t, ok := o.pick(ctx, a.runs.output(), s.Choice)
		if !ok {
			a.note("    nothing to %s", s.Kind)
			return
		}
		switch s.Kind {
		case PauseActivity:
			o.pause(ctx, t)
			<-over
			o.unpause(context.WithoutCancel(ctx), t)
		case ResetPartition:
			a.runs.expect(reasonReset)
			o.resetWorkflow(ctx, t, name)
		case ResetActivity, ForgetActivity:
			o.resetActivity(ctx, t, s.Kind == ForgetActivity)
		default:
		}
	})
	return func() { close(over) }
}

// heal ends every disturbance.
func (a *attack) heal() {
	a.t.Helper()
	for i, undo := range a.undone {
		undo()
		delete(a.undone, i)
	}
	for _, k := range a.workers {
		k.start()
	}
	a.waiting.Wait()
}

// grace is how long after its end a disturbance may still be felt: an attempt
// that was cut off is given up on after the heartbeat timeout, and one that
// failed for the store is repeated after up to 30 s.
const grace = 45 * time.Second

// near is whether a disturbance may have cost what was answered at one time and
// asked for again at another.
func (a *attack) near(answered, again time.Time) bool {
	for _, s := range a.done {
		begun, over := a.begun.Add(s.At), a.begun.Add(s.End()+grace)
		if begun.Before(again) && over.After(answered) {
			return true
		}
	}
	return false
}
