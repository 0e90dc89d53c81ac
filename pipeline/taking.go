package pipeline

import (
	"context"
	"errors"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"
)

// taking reads rows and sends each on its way. A row whose origin can be asked
// now is admitted before the next one is taken: that is what holds the reader
// back. One whose origin cannot (its host has no connection free, or asks for a
// pause) waits in the lot, where it holds neither a place in flight nor bytes,
// and the rows of other hosts go past it. When the lot is full, rows that would
// have to wait are left, as holes, for another sweep over the file. So a host
// that is slow delays its own rows alone, however many they are.
type taking struct {
	way   *way
	table Table
	rec   *recorder
	cut   context.CancelCauseFunc
	lot   *semaphore.Weighted
	under sync.WaitGroup // the rows on their way
}

// lotRows is how many rows of a partition wait for their hosts: half of those
// that fit between two checkpoints, so that the others have the other half.
const lotRows = uncommittedBytes / uncommittedRow / 2

func newLot() *semaphore.Weighted { return semaphore.NewWeighted(lotRows) }

// run sweeps over what is wanted until each row is on its way. errCut is the end
// of fetching.
func (t *taking) run(ctx context.Context, want Runs) error {
	for {
		left, err := t.sweep(ctx, want)
		if err != nil || len(left) == 0 {
			return err
		}
		// Half a lot is worth a sweep, and all that comes meanwhile.
		if t.lot.Acquire(t.way.fetching, lotRows/2) != nil { //nolint:contextcheck // fetching ends before ctx does
			return errCut
		}
		t.lot.Release(lotRows / 2)
		want = left
	}
}

// sweep takes the rows in want, in order, and returns those that it left.
func (t *taking) sweep(ctx context.Context, want Runs) (left Runs, err error) {
	fetching := t.way.fetching
	for r := range t.rows(want) {
		if t.rec.admit(fetching, r) != nil {
			return nil, errCut
		}
		if r.Image != nil {
			t.embedded(ctx, r.Image, t.way.begin(r))
			continue
		}
		if r.Source == nil {
			if err := t.rec.send(ctx, skipped(r)); err != nil {
				return nil, err
			}
			continue
		}
		taken, err := t.take(ctx, r)
		if err != nil {
			return nil, err
		}
		if !taken {
			t.rec.leave(r)
			left = left.Add(r.Number)
		}
	}
	return left, nil
}

// rows are the rows in want. An error of reading them cuts the pass short.
//
// Sources are read some rows ahead. Images are not: what the table has in memory
// of them is not admitted yet, and a large one can only be read before the next
// row is asked for. The table reads them while others decode.
func (t *taking) rows(want Runs) iter.Seq[Row] {
	read := func(take func(Row) bool) {
		dog := t.way.dog
		defer dog.off(theReader)
		dog.at(theReader, atRead)
		for r, err := range t.table.Rows(t.way.fetching, want) {
			dog.off(theReader)
			if err != nil {
				t.cut(err)
				return
			}
			if !take(r) {
				return
			}
			dog.at(theReader, atRead)
		}
	}
	if t.way.job.Partition.Embedded {
		return read
	}
	ahead := make(chan Row, 64)
	t.under.Go(func() {
		defer close(ahead)
		read(func(r Row) bool {
			select {
			case ahead <- r:
				return true
			case <-t.way.fetching.Done():
				return false
			}
		})
	})
	return func(yield func(Row) bool) {
		for r := range ahead {
			if !yield(r) {
				return
			}
		}
	}
}

// embedded sends a row on its way whose image the dataset holds. It is not given
// the row, which would hold the image for longer than its grant does.
func (t *taking) embedded(ctx context.Context, image Image, o Outcome) {
	if condemned := t.way.suspicion.condemn(o.Row); condemned != nil {
		t.end(ctx, o, condemned)
		return
	}
	body, grant, err := t.way.take(image, &o)
	if err != nil {
		t.end(ctx, o, err)
		return
	}
	t.under.Go(func() {
		source := body
		body = Body{} // or this function would hold the image until the row ends
		err := t.way.landed(ctx, &o, source, grant)
		t.end(ctx, o, err)
	})
}

// take sends a row on its way, unless the lot is full.
func (t *taking) take(ctx context.Context, r Row) (bool, error) {
	v := t.way.engine.visitor.Visit(t.way.job.Output.Dataset, *r.Source, t.way.job.Share)
	if condemned := t.way.suspicion.condemn(r.Number); condemned != nil {
		v.Close()
		t.end(ctx, t.way.begin(r), condemned)
		return true, nil
	}
	ready, refused := v.Ready()
	switch {
	case refused != nil:
		v.Close()
		t.end(ctx, t.way.begin(r), refused)
		return true, nil
	case ready:
		a, err := t.way.admit(r.Number)
		if err != nil {
			t.way.dog.off(r.Number)
			v.Close()
			return false, errCut
		}
		t.under.Go(func() { t.follow(ctx, r, v, &a) })
		return true, nil
	case !t.lot.TryAcquire(1):
		v.Close()
		return false, nil
	}
	t.under.Go(func() {
		err := v.Wait(t.way.fetching) //nolint:contextcheck // fetching ends before ctx does
		t.lot.Release(1)
		if err != nil {
			v.Close()
			t.end(ctx, t.way.begin(r), t.way.cutShort(ctx, err))
			return
		}
		t.follow(ctx, r, v, nil)
	})
	return true, nil
}

// follow takes a row its way.
func (t *taking) follow(ctx context.Context, r Row, v Visit, a *admitted) {
	defer v.Close()
	o := t.way.begin(r)
	err := t.way.row(ctx, &o, v, a)
	t.end(ctx, o, err)
}

// end records what became of a row: a failure that is the row's own is an
// outcome, every other one ends the pass.
func (t *taking) end(ctx context.Context, o Outcome, err error) {
	t.way.dog.off(o.Row)
	o, err = ended(o, err)
	switch {
	case err == nil:
		t.way.engine.stats.add(o)
		_ = t.rec.send(ctx, o) // fails only with ctx, which says it all
	case !errors.Is(err, errCut):
		t.cut(err)
	}
}
