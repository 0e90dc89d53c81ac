package pipeline

import (
	"context"
	"errors"
	"sync"

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
	// Nonce names this attempt's parts. No two attempts share one.
	Nonce string
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
func (e *Engine) Process(ctx context.Context, job Job) (Checkpoint, error) {
	keys, err := ParseKeyTemplate(job.Spec.Key)
	if err != nil {
		return job.From, err
	}
	table, err := job.Output.Tables.Open(ctx, job.Output.Dataset, job.Partition, job.Spec)
	if err != nil {
		return job.From, err
	}
	defer table.Close()

	g, ctx := errgroup.WithContext(ctx)
	// Fetching ends before the rest when the pass is stopped, and when a row met
	// a fault of our surroundings: the cause is then that fault. What has been
	// done by then is still recorded.
	fetching, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	w := &way{engine: e, job: job, keys: keys, fetching: fetching}
	rec := newRecorder(job, table)
	rows := make(chan Row, 64)

	g.Go(func() error { // stop
		select {
		case <-job.Stop:
			cut(ErrStopped)
		case <-fetching.Done():
		}
		return nil
	})
	g.Go(func() error { // read
		defer close(rows)
		for r, err := range table.Rows(fetching, job.From.Remaining(job.Partition)) {
			if err != nil {
				cut(err)
				return nil
			}
			select {
			case rows <- r:
			case <-fetching.Done():
				return nil
			}
		}
		return nil
	})
	g.Go(func() error { // take each row, and send it on its way
		defer close(rec.outcomes)
		var under sync.WaitGroup
		defer under.Wait()
		for r := range rows {
			if rec.admit(fetching, r) != nil {
				return nil
			}
			if r.Source == nil {
				if err := rec.send(ctx, skipped(r)); err != nil {
					return err
				}
				continue
			}
			a, err := w.admit(fetching)
			if err != nil {
				return nil
			}
			under.Go(func() {
				o, err := w.row(ctx, r, a)
				switch {
				case err == nil:
					e.stats.add(o)
					_ = rec.send(ctx, o) // fails only with ctx, which says it all
				case !errors.Is(err, errCut):
					cut(err)
				}
			})
		}
		return nil
	})
	g.Go(func() error { // record
		defer cut(nil)
		return rec.run(ctx, func() bool { return fetching.Err() == nil })
	})

	err = g.Wait()
	if err == nil && context.Cause(fetching) != context.Canceled {
		err = context.Cause(fetching)
	}
	return rec.committed, err
}

// skipped is the outcome of a row whose source is null.
func skipped(r Row) Outcome {
	return Outcome{Row: r.Number, Status: Skipped, Columns: r.Columns, Size: r.Size}
}
