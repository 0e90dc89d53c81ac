package workflows

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// simulation runs slices of partitions on a clock of its own, as slicing and
// slice do. Signals take no time.
type simulation struct {
	t      *testing.T
	shares *shares
	took   func() float64 // how long a partition takes
	sizes  []int

	now    float64
	open   map[int]*simulated
	queue  ends
	left   int // partitions to begin
	inUse  int // places
	peak   int // places in use at once
	signal int // signals in the dataset's history
}

type simulated struct{ window, left, inUse int }

type end struct {
	at    float64
	slice int
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at < e[j].at }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }
func (e *ends) Pop() any          { x := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return x }

func simulate(t *testing.T, partitions, window int, took func() float64) (use float64, s *simulation) {
	n := sliceCount(partitions, window)
	s = &simulation{t: t, shares: newShares(window, n), took: took, left: partitions, open: map[int]*simulated{}}
	for k := range n {
		_, size := sliceRange(k, n, partitions)
		s.sizes = append(s.sizes, size)
	}
	s.deal()
	var used, until float64
	for len(s.queue) > 0 {
		e := heap.Pop(&s.queue).(end)
		if s.left > 0 {
			used += float64(s.inUse) * (e.at - s.now)
			until = e.at
		}
		s.now = e.at
		s.ended(e.slice)
	}
	if !s.shares.done() || s.left > 0 {
		t.Fatalf("%d partitions, window %d: it stopped with %d partitions left", partitions, window, s.left)
	}
	return used / until / float64(window), s
}

func (s *simulation) deal() {
	for _, d := range s.shares.deal(math.MaxInt) {
		if d.begin {
			s.open[d.slice] = &simulated{left: s.sizes[d.slice]}
		} else {
			s.signal++
		}
		sl := s.open[d.slice]
		sl.window = d.places
		s.fill(d.slice, sl)
		if !d.begin && sl.left == 0 {
			s.spare(d.slice, sl)
		}
	}
	s.peak = max(s.peak, s.inUse)
}

func (s *simulation) fill(k int, sl *simulated) {
	for sl.left > 0 && sl.inUse < sl.window {
		sl.left--
		sl.inUse++
		s.left--
		s.inUse++
		heap.Push(&s.queue, end{s.now + s.took(), k})
	}
}

func (s *simulation) ended(k int) {
	sl := s.open[k]
	sl.inUse--
	s.inUse--
	s.fill(k, sl)
	switch {
	case sl.left == 0 && sl.inUse == 0:
		delete(s.open, k)
		s.shares.ended(k)
		s.deal()
	case sl.left == 0 && 2*sl.inUse <= sl.window:
		s.spare(k, sl)
	}
}

func (s *simulation) spare(k int, sl *simulated) {
	if sl.inUse == sl.window {
		return
	}
	sl.window = sl.inUse
	s.signal++
	s.shares.spare(k, sl.inUse)
	s.deal()
}

func TestSharesKeepTheWindowInUse(t *testing.T) {
	alike := func(r *rand.Rand) func() float64 { return func() float64 { return 1 + r.Float64()/10 } }
	scattered := func(r *rand.Rand) func() float64 { return func() float64 { return r.ExpFloat64() } }
	stragglers := func(r *rand.Rand) func() float64 {
		return func() float64 {
			if r.IntN(200) == 0 {
				return 50
			}
			return 1 + r.Float64()
		}
	}
	for _, c := range []struct {
		name               string
		partitions, window int
		took               func(*rand.Rand) func() float64
		least              float64
	}{
		{"2,000 alike", 2000, 64, alike, 0.95},
		{"2,000 scattered", 2000, 64, scattered, 0.95},
		{"2,000 with stragglers", 2000, 64, stragglers, 0.95},
		{"301 alike", 301, 64, alike, 0.95},
		{"1,000 scattered, one at a time", 1000, 1, scattered, 0.95},
		{"1,000 scattered, three at a time", 1000, 3, scattered, 0.95},
		{"1,000 scattered, seven at a time", 1000, 7, scattered, 0.95},
		{"10,000 scattered", 10_000, 500, scattered, 0.95},
		{"10,000 with stragglers", 10_000, 100, stragglers, 0.95},
		{"almost as wide as it is", 1000, 900, alike, 0.95},
		{"a small plan and a wide window", 250, 200, scattered, 0.95},
		{"20,000 scattered", 20_000, 1000, scattered, 0.95},
	} {
		t.Run(c.name, func(t *testing.T) {
			use, s := simulate(t, c.partitions, c.window, c.took(rand.New(rand.NewPCG(1, 2))))
			t.Logf("in use %.1f %%, %d slices, %.1f signals a slice", 100*use, s.shares.n, float64(s.signal)/float64(s.shares.n))
			if s.peak > c.window {
				t.Errorf("%d places in use, of %d", s.peak, c.window)
			}
			if use < c.least {
				t.Errorf("in use %.1f %%, want at least %.1f %%", 100*use, 100*c.least)
			}
			if perSlice := float64(s.signal) / float64(s.shares.n); perSlice > 9 {
				t.Errorf("%.1f signals a slice", perSlice)
			}
		})
	}
}

func TestSlicesCoverThePlan(t *testing.T) {
	for _, c := range []struct{ partitions, window, want int }{
		{0, 64, 0},
		{1, 64, 0},
		{300, 64, 0},
		{300, 100, 0},
		{100, 5000, 0},
		{300, 101, 13},
		{301, 64, 8},
		{2000, 64, 8},
		{1000, 1000, 125},
		{200_000, 500, 667},
	} {
		t.Run(fmt.Sprintf("%d partitions, window %d", c.partitions, c.window), func(t *testing.T) {
			n := sliceCount(c.partitions, c.window)
			if n != c.want {
				t.Fatalf("%d slices, want %d", n, c.want)
			}
			next := 0
			for k := range n {
				first, size := sliceRange(k, n, c.partitions)
				if first != next || size < 1 || size > maxFanOut {
					t.Fatalf("slice %d is %d partitions from %d on, after %d", k, size, first, next)
				}
				next = first + size
			}
			if n > 0 && next != c.partitions {
				t.Fatalf("the slices end at %d of %d", next, c.partitions)
			}
		})
	}
}
