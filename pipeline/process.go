package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Job is one pass over what remains of a partition.
type Job struct {
	Partition Partition
	Spec      Spec
	Output    Output
	Journal   Journal
	// From is where to go on: Begin, or what Output.Resume found. Its Pass is
	// the pass to do.
	From Checkpoint
	// LastPass makes transient failures final.
	LastPass bool
	// Stop, once closed, makes the pass end early and in order: no row is taken
	// any more, downloads are cut short, decodes finish, and what is done is
	// committed. nil never stops.
	Stop <-chan struct{}
	// Share is what the run may have of each host.
	Share Share
	// Nonce names this attempt's parts. No two attempts share one.
	Nonce string
	// Watchdog watches this pass; nil is one of its own. What obeys no context
	// keeps Process from returning: who must go on nonetheless, hears of it from
	// the watchdog, and leaves Process behind.
	Watchdog *Watchdog

	every time.Duration // between checkpoints; 0 is checkpointEvery
}

// open opens what the rows are read from.
func (j Job) open(ctx context.Context) (Table, error) {
	// A manifest has no images in it: those that the dataset itself holds are read
	// there again.
	if j.Partition.Redo != nil && !j.Partition.Embedded {
		return j.Output.Tables.Reopen(ctx, j.Output.Store, j.Partition)
	}
	return j.Output.Tables.Open(ctx, j.Output.Dataset, j.Partition, j.Spec)
}

// ErrStopped is returned by Process when Stop ended the pass. The checkpoint
// that comes with it was committed.
var ErrStopped = errors.New("stopped before the end of the pass")

// Process does one pass over what remains of a partition: each row that it
// takes goes its way (see way) beside the others, and is recorded as it ends.
//
// It returns the last checkpoint that the journal accepted. The pass is
// complete if the error is nil; then the checkpoint's holes, if any, failed for
// a transient reason and are left to another pass. With an error, what remains
// can be taken up from the checkpoint, by anyone.
//
// Where something hangs (see Watchdog), the others of the pass end and are
// committed, then all that is left is cut off, and the error says what it was.
func (e *Engine) Process(ctx context.Context, job Job) (Checkpoint, error) {
	keys, err := ParseKeyTemplate(job.Spec.Key)
	if err != nil {
		return job.From, err
	}
	dog := job.Watchdog
	if dog == nil {
		dog = StartWatchdog(0)
		defer dog.Close()
	}
	dog.serve(job.Partition.File, &e.turns)
	outer := ctx
	ctx, giveUp := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer giveUp(nil)
	g, ctx := errgroup.WithContext(ctx)
	// Fetching ends before the rest when the pass is stopped, and when a row met
	// a fault of our surroundings: the cause is then that fault. What has been
	// done by then is still recorded.
	fetching, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	watching.Go(func() {
		select {
		case <-dog.Stalled():
		case <-ctx.Done():
			return
		}
		cut(dog.Err())
		select {
		case <-time.After(settle):
			giveUp(dog.Err())
		case <-ctx.Done():
		}
	})
	dog.at(thePass, atOpen)
	table, err := job.open(ctx)
	if err != nil {
		return job.From, dog.cause(err)
	}
	defer table.Close()
	dog.off(thePass)

	rec := newRecorder(job, table, dog)
	w := &way{engine: e, job: job, keys: keys, fetching: fetching, calm: rec.calm, dog: dog, tried: job.From.Tried.of(job.Partition)}
	if !e.isolated {
		w.suspicion = suspect(e.gate, job.From)
		w.suspicion.name = rec.name
		rec.suspicion = w.suspicion
		// Before anything is decoded, and before what was learnt of the deaths
		// could be lost by another one.
		if err := rec.note(ctx, true); err != nil {
			return rec.committed, dog.cause(err)
		}
	}

	g.Go(func() error { // stop
		select {
		case <-job.Stop:
			cut(ErrStopped)
		case <-fetching.Done():
		}
		return nil
	})
	g.Go(func() error { // take each row, and send it on its way
		defer close(rec.outcomes)
		t := &taking{way: w, table: table, rec: rec, cut: cut, lot: newLot()}
		defer t.under.Wait()
		if err := t.run(ctx, job.From.Remaining(job.Partition)); !errors.Is(err, errCut) {
			return err
		}
		return nil
	})
	g.Go(func() error { // record
		defer cut(nil)
		return rec.run(ctx, func() bool { return fetching.Err() == nil })
	})

	err = g.Wait()
	if err != nil {
		rec.closed(outer)
	}
	if err == nil && !errors.Is(context.Cause(fetching), context.Canceled) {
		err = context.Cause(fetching)
	}
	return rec.committed, dog.cause(err)
}

// skipped is the outcome of a row whose source is null, and that has no image.
func skipped(r Row) Outcome {
	return Outcome{Row: r.Number, Status: Skipped, Columns: r.Columns, Size: r.Size}
}
