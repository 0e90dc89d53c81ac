package pipeline

import "slices"

// MaxRowsPerPartition bounds what one activity takes on, and with it the worst
// checkpoint: a hole at every other row of so many compresses to 100 kB.
const MaxRowsPerPartition = 1_000_000

// Cut divides a file into partitions of about perPartition rows.
//
// The ranges are a function of the file and of how many there are: range k of n
// ends near row rows*(k+1)/n. So a partition's name, which says k and n, says
// its rows too. Where the row groups are smaller than a range, each boundary is
// one of theirs, the nearest; where they are larger, it is if there is one
// within a quarter of a range. Without an offset index a range reads its row
// group from the start, so it is made at least a quarter of the largest.
func Cut(file Object, info FileInfo, perPartition int64) []Partition {
	if info.Rows == 0 {
		return nil
	}
	n := (info.Rows + perPartition - 1) / perPartition
	if !info.OffsetIndex {
		n = min(n, max(1, 4*info.Rows/largestGroup(info)))
	}
	return cutInto(file, info, n)
}

func largestGroup(info FileInfo) int64 { return max(1, slices.Max(info.RowGroups)) }

// cutInto divides a file into n partitions.
func cutInto(file Object, info FileInfo, n int64) []Partition {
	largest := largestGroup(info)
	reach := info.Rows / n / 4
	if largest <= info.Rows/n {
		reach = (info.Rows/n - 1) / 2
	}
	id := FileID(file.Key, file.Version)
	ps := make([]Partition, 0, n)
	var first int64
	groups := newBoundaries(info.RowGroups)
	for k := range n {
		end := info.Rows
		if k < n-1 {
			end = groups.near(mulDiv(info.Rows, k+1, n), reach)
		}
		ps = append(ps, Partition{
			Name:    PartitionName(id, int(k), int(n)),
			File:    file.Key,
			Version: file.Version,
			First:   first,
			Rows:    end - first,
		})
		first = end
	}
	return ps
}

// mulDiv is a*b/c; the numbers of rows and ranges of a file stay under 2^31
// each where it matters, but a wrap would be a silent loss of rows.
func mulDiv(a, b, c int64) int64 { return a/c*b + a%c*b/c }

// boundaries are the first rows of row groups, in rising order.
type boundaries struct {
	rows []int64
	at   int
}

func newBoundaries(groups []int64) *boundaries {
	b := &boundaries{}
	var row int64
	for _, n := range groups {
		row += n
		b.rows = append(b.rows, row)
	}
	return b
}

// near is the boundary nearest to row within reach, else row. Rows come in
// rising order, and reach is under half of their distance, so that the results
// rise, too.
func (b *boundaries) near(row, reach int64) int64 {
	for b.at < len(b.rows) && b.rows[b.at] < row-reach {
		b.at++
	}
	best, found := row, false
	for i := b.at; i < len(b.rows) && b.rows[i] <= row+reach; i++ {
		if d := max(b.rows[i]-row, row-b.rows[i]); !found || d < max(best-row, row-best) {
			best, found = b.rows[i], true
		}
	}
	return best
}

// wholeCut are those of one file's partitions that make up a cut of it, nil if
// none do. The names themselves say so: "0of3", "1of3", "2of3".
func wholeCut(partitions []string) []string {
	byCut := map[int][]string{}
	for _, name := range partitions {
		_, _, n, _ := SplitPartitionName(name)
		byCut[n] = append(byCut[n], name)
	}
	for n, names := range byCut {
		if len(names) == n {
			return names
		}
	}
	return nil
}
