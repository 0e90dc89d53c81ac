package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"
)

// A checkpoint is taken after so much time or so many rows, whichever is first:
// that is what a kill costs, beside the rows in flight.
const (
	checkpointEvery = 2 * time.Second
	checkpointRows  = 256
	// checkpointBytes bounds a part where rows carry long columns.
	checkpointBytes = 8 << 20
)

// Rows that were taken and are in no checkpoint yet are bounded in bytes, so
// that a journal or a store that hangs does not make them pile up: 1,024 rows
// without kept columns.
const (
	uncommittedBytes = 16 << 20
	uncommittedRow   = uncommittedBytes / 1024
)

// recorder collects the outcomes of one pass and turns them into parts and
// checkpoints. Images are stored before their outcomes get here; a part is
// stored before the checkpoint that names it is committed. One goroutine, run,
// owns all but what admit and send use.
type recorder struct {
	job   Job
	table Table

	dog       *Watchdog
	suspicion *suspicion      // nil where decodes are in other processes
	names     chan chan error // asks for a checkpoint that names the row decoded alone

	outcomes chan Outcome
	room     *semaphore.Weighted // uncommittedBytes
	// committing is full while the journal's answer is awaited: nothing is
	// admitted while it is unknown whether this attempt still is the one.
	committing chan struct{}

	committed Checkpoint // the last one that the journal accepted
	over      bool       // the journal has refused one
	ended     bool       // no row is under way any more
	final     []bool     // of the partition's rows
	next      int64      // the row after the highest final one
	pending   []Outcome  // final, and in no part
	bytes     int        // that pending holds
	counts    Counts
	examples  Examples
	tried     []uint16      // of the holes: how often they were asked for
	wait      time.Duration // the longest that an origin asked for
}

func newRecorder(job Job, table Table, dog *Watchdog) *recorder {
	r := &recorder{
		job:        job,
		table:      table,
		dog:        dog,
		names:      make(chan chan error),
		committing: make(chan struct{}, 1),
		outcomes:   make(chan Outcome, checkpointRows),
		room:       semaphore.NewWeighted(uncommittedBytes),
		committed:  job.From,
		final:      make([]bool, job.Partition.Rows),
		next:       job.From.Next,
		counts:     job.From.Counts.Plus(Counts{}),
		examples:   job.From.Examples,
		tried:      job.From.Tried.of(job.Partition),
	}
	first := job.Partition.First
	for i := range r.final[:r.next-first] {
		r.final[i] = true
	}
	for _, h := range job.From.Holes {
		for row := h.First; row < h.End(); row++ {
			r.final[row-first] = false
		}
	}
	return r
}

func weight(size int) int64 { return min(int64(uncommittedRow+size), uncommittedBytes) }

// admit waits until row may be taken.
func (r *recorder) admit(ctx context.Context, row Row) error {
	if err := r.room.Acquire(ctx, weight(row.Size)); err != nil {
		return err
	}
	return r.calm(ctx)
}

// calm waits while the journal's answer is awaited.
func (r *recorder) calm(ctx context.Context) error {
	select {
	case r.committing <- struct{}{}:
		<-r.committing
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives back a row that was taken, and is not going to end in this sweep.
func (r *recorder) leave(row Row) { r.room.Release(weight(row.Size)) }

// send hands in what became of a row.
func (r *recorder) send(ctx context.Context, o Outcome) error {
	select {
	case r.outcomes <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run records until outcomes is closed. whole then says whether every row of
// the pass was taken.
func (r *recorder) run(ctx context.Context, whole func() bool) error {
	every := cmp.Or(r.job.every, checkpointEvery)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case o, open := <-r.outcomes:
			if !open {
				if whole() {
					r.next = r.job.Partition.End()
				}
				r.ended = true
				return r.commit(ctx)
			}
			if err := r.record(o); err != nil {
				return err
			}
			if len(r.pending) >= checkpointRows || r.bytes >= checkpointBytes {
				if err := r.commit(ctx); err != nil {
					return err
				}
				tick.Reset(every)
			}
		case named := <-r.names:
			err := r.note(ctx, true)
			named <- err
			if err != nil {
				return err
			}
		case <-tick.C:
			if len(r.pending) > 0 {
				if err := r.commit(ctx); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// record takes in one outcome.
func (r *recorder) record(o Outcome) error {
	if o.Class.Transient() && !r.job.LastPass {
		r.wait = max(r.wait, o.RetryAfter)
		r.tried[o.Row-r.job.Partition.First] = uint16(min(o.Attempts, math.MaxUint16))
		r.room.Release(weight(o.Size))
		return nil
	}
	i := o.Row - r.job.Partition.First
	if r.final[i] {
		return fmt.Errorf("row %d of %s has two outcomes: this is a defect of sluice", o.Row, r.job.Partition.File)
	}
	r.final[i] = true
	r.next = max(r.next, o.Row+1)
	r.pending = append(r.pending, o)
	r.bytes += o.Size
	r.counts.Add(o)
	if _, told := r.examples[o.Class]; o.Status == Failed && !told {
		// A map anew: the old one is in checkpoints that others may be reading.
		r.examples = r.examples.Plus(Examples{o.Class: exampleOf(r.job.Partition.File, o)})
	}
	return nil
}

// commit stores the pending outcomes as a part, then commits the checkpoint
// that names it.
func (r *recorder) commit(ctx context.Context) error {
	c := r.checkpoint()
	if len(r.pending) > 0 {
		r.dog.at(theRecorder, atPart)
		defer r.dog.off(theRecorder)
		part := &c.Parts[len(c.Parts)-1]
		slices.SortFunc(r.pending, func(a, b Outcome) int { return cmp.Compare(a.Row, b.Row) })
		body, err := r.table.EncodePart(r.pending)
		if err != nil {
			return err
		}
		key := r.job.Partition.partKey(part.Nonce, part.N)
		if err := r.job.Output.Store.Write(ctx, key, body, nil); err != nil {
			return err
		}
		part.N++
	}
	if err := r.put(ctx, c); err != nil {
		return err
	}
	for _, o := range r.pending {
		r.room.Release(weight(o.Size))
	}
	clear(r.pending) // lets go of the kept columns
	r.pending, r.bytes = r.pending[:0], 0
	return nil
}

// put has the journal commit c.
func (r *recorder) put(ctx context.Context, c Checkpoint) error {
	r.committing <- struct{}{} // held by none for longer than it takes to look
	defer func() { <-r.committing }()
	r.dog.at(theRecorder, atJournal)
	defer r.dog.off(theRecorder)
	if err := r.job.Journal.Commit(ctx, c); err != nil {
		r.over = true
		return err
	}
	r.committed = c
	return nil
}

// note commits the last checkpoint again, with what is suspected now.
func (r *recorder) note(ctx context.Context, open bool) error {
	c := r.committed
	c.Seq++
	r.suspicion.note(&c, open, func(row int64) bool { return row < c.Next && !c.Holes.Contain(row) })
	return r.put(ctx, c)
}

// name is note, for others than the goroutine that records.
func (r *recorder) name(ctx context.Context) error {
	named := make(chan error, 1)
	select {
	case r.names <- named:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-named:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closed says that the pass ended with an error and no death. If that cannot be
// said, because the error is the journal's, the successor is suspicious for
// nothing, which costs it a while.
func (r *recorder) closed(ctx context.Context) {
	if r.suspicion != nil && !r.over && r.committed.Open && ctx.Err() == nil {
		_ = r.note(ctx, false)
	}
}

// checkpoint is the next one, without the part that is still to be written.
func (r *recorder) checkpoint() Checkpoint {
	p := r.job.Partition
	c := Checkpoint{
		Seq:        r.committed.Seq + 1,
		Pass:       r.committed.Pass,
		Next:       r.next,
		Parts:      slices.Clone(r.committed.Parts),
		Counts:     r.counts.Plus(Counts{}),
		Examples:   r.examples,
		RetryAfter: r.wait,
		At:         time.Now().UTC().Truncate(time.Millisecond),
	}
	c.Tried = Tried{}
	for i, final := range r.final[:r.next-p.First] {
		if row := p.First + int64(i); !final {
			c.Holes = c.Holes.Add(row)
			c.Tried.add(row, int(r.tried[i]))
		}
	}
	r.suspicion.note(&c, !r.ended, func(row int64) bool { return r.final[row-p.First] })
	if k := len(c.Parts); len(r.pending) > 0 && (k == 0 || c.Parts[k-1].Nonce != r.job.Nonce) {
		c.Parts = append(c.Parts, Parts{Nonce: r.job.Nonce})
	}
	c.Summary = c.summary(p)
	return c
}
