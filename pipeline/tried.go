package pipeline

import "math"

// Tried are rows by how often their sources were asked for. Few numbers occur,
// so this is small, as checkpoints have to be.
type Tried map[int]Runs

// of is the same the other way round: how often each row of p was asked for.
func (t Tried) of(p Partition) []uint16 {
	tries := make([]uint16, p.Rows)
	for n, rows := range t {
		for _, run := range rows {
			for row := max(run.First, p.First); row < min(run.End(), p.End()); row++ {
				tries[row-p.First] = uint16(min(n, math.MaxUint16))
			}
		}
	}
	return tries
}

// add notes that row was asked for n times. Rows come in rising order.
func (t Tried) add(row int64, n int) {
	if n > 0 {
		t[n] = t[n].Add(row)
	}
}
