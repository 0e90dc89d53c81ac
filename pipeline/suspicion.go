package pipeline

import (
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Where images are decoded in this process, one that kills libvips kills all
// that is done here, and would again whenever its partition is taken up. A
// checkpoint therefore says whether its attempt was ended in order. If not, its
// successor is suspicious: it decodes one image at a time, with no other decode
// in the process, and names it in a checkpoint before it does. A row during
// which two workers died alone is failed as quarantined. Deaths of other causes
// hit a row alone by chance, and the same one twice hardly ever.

// Death is a row during whose decode, alone in the process, workers died.
type Death struct {
	Row int64 `json:"row"`
	N   int   `json:"n"` // how many
}

// lethal is how many deaths condemn a row.
const lethal = 2

// suspectRows is how many rows a suspicious attempt decodes alone before it
// trusts the others: those since the last checkpoint, and as many in flight.
// Should the killer come later, the next attempt begins further on by more than
// a checkpoint's rows, so that it is found in the end.
const suspectRows = 2 * checkpointRows

// gate keeps a decode alone in the process.
type gate struct{ sem *semaphore.Weighted }

const everybody = 1 << 30

func newGate() gate { return gate{semaphore.NewWeighted(everybody)} }

// pass waits until others may decode beside the caller, or none may.
func (g gate) pass(ctx context.Context, alone bool) (leave func(), err error) {
	n := int64(1)
	if alone {
		n = everybody
	}
	if err := g.sem.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { g.sem.Release(n) }, nil
}

// suspicion is what one attempt makes of the deaths before it. nil suspects
// nothing, and is for decodes in other processes.
type suspicion struct {
	gate   gate
	name   func(context.Context) error // commits which row is being decoded alone
	row    atomic.Pointer[int64]       // the one that is
	left   atomic.Int64                // how many rows to decode alone
	deaths []Death                     // by row
}

// suspect reads the deaths out of the checkpoint that an attempt begins with.
func suspect(g gate, from Checkpoint) *suspicion {
	s := &suspicion{gate: g, deaths: slices.Clone(from.Deaths)}
	if from.Open {
		s.left.Store(suspectRows)
	}
	if from.Alone == nil {
		return s
	}
	row := *from.Alone
	i, known := slices.BinarySearchFunc(s.deaths, row, func(d Death, row int64) int { return int(d.Row - row) })
	if !known {
		s.deaths = slices.Insert(s.deaths, i, Death{Row: row})
	}
	s.deaths[i].N++
	return s
}

// of is how many workers died alone with row.
func (s *suspicion) of(row int64) int {
	if s == nil {
		return 0
	}
	for _, d := range s.deaths {
		if d.Row == row {
			return d.N
		}
	}
	return 0
}

// condemn is the failure of a row that is not decoded again, nil for others.
func (s *suspicion) condemn(row int64) error {
	if s.of(row) < lethal {
		return nil
	}
	return Fail(Quarantined, "%d workers died while they decoded it, and nothing else: --isolation process would have lost a decoder", lethal)
}

// enter waits until row may be decoded: beside others, or, if it is a suspect,
// alone and named.
func (s *suspicion) enter(ctx context.Context, row int64) (leave func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	alone := s.left.Load() > 0 || s.of(row) > 0
	open, err := s.gate.pass(ctx, alone)
	if err != nil || !alone {
		return open, err
	}
	s.row.Store(&row)
	if err := s.name(ctx); err != nil {
		s.row.Store(nil)
		open()
		return nil, err
	}
	return func() {
		s.left.Add(-1)
		s.row.Store(nil)
		// Before anything else is decoded, or that could accuse this row. If the
		// journal refuses, the attempt ends, and says why.
		_ = s.name(ctx)
		open()
	}, nil
}

// note puts into c what a successor is to know if this attempt dies. open is
// whether it is still at work.
func (s *suspicion) note(c *Checkpoint, open bool, final func(row int64) bool) {
	if s == nil {
		return
	}
	c.Open = open
	c.Alone = nil
	if open {
		c.Alone = s.row.Load()
	}
	c.Deaths = slices.DeleteFunc(slices.Clone(s.deaths), func(d Death) bool { return final(d.Row) })
}
