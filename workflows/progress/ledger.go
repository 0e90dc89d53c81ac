package progress

import (
	"sluice/pipeline"
	"sluice/workflows"
)

// A ledger sums up what one workflow, the dataset's or a slice's, and its
// children have done, while its memo lags behind: a memo is written seldom, and
// later in a long run minutes apart. A child that has closed is in no heartbeat
// any more, and not yet in the memo; until it is, its last word counts.
type ledger struct {
	settled int              // partitions in the memo
	open    map[string]share // of the children, by workflow id
	closed  []share          // since then, and not in the memo yet
}

// share is what a workflow or a heartbeat tells of.
type share struct {
	partitions int // that are published or have failed
	counts     pipeline.Counts
	earlier    int64 // rows of these that earlier runs did
}

func (s share) plus(t share) share {
	return share{s.partitions + t.partitions, s.counts.Plus(t.counts), s.earlier + t.earlier}
}

// update takes in a look at the workflow, memo and children at the same moment,
// and returns all that was done.
func (l *ledger) update(memo workflows.Progress, open map[string]share) share {
	for id, last := range l.open {
		if _, ok := open[id]; !ok {
			last.partitions = max(last.partitions, 1) // a partition, or a slice of some
			l.closed = append(l.closed, last)
		}
	}
	settled := memo.Published + memo.Failed
	// Children enter the memo in the order of their ends, nearly.
	for news := settled - l.settled; news > 0 && len(l.closed) > 0; l.closed = l.closed[1:] {
		news -= l.closed[0].partitions
	}
	l.settled, l.open = settled, open

	sum := share{partitions: settled, counts: memo.Counts}
	for _, s := range open {
		sum = sum.plus(s)
	}
	for _, s := range l.closed {
		sum = sum.plus(s)
	}
	return sum
}
