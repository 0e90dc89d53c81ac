package workflows

import "slices"

// shares divides the window among the slices of a run: so that it is not
// exceeded, and so that as little of it as can be lies idle.
//
// A slice is begun with a share. Once it has begun its last partition it has no
// use for the places of those that end, and gives them back, at a half of its
// share and at a half of that and so on: then the next slice is begun, or the
// others grow. Without that, one slow partition would hold the share of its whole
// slice. At a quarter each time it would save a third of the signals, and leave
// up to 10 % of the window idle where partitions take unequally long, not 2 %.
type shares struct {
	window int // places in all
	base   int // of one slice
	most   int // slices that may be live

	next, n int // the next slice to begin, and how many there are
	live    []holder
}

// holder is a live slice.
type holder struct {
	slice  int
	places int
	hungry bool // it has partitions left to begin
}

// deal is a slice's share: a new one's, or one that has grown.
type deal struct {
	slice  int
	places int
	begin  bool
}

const (
	// minLive slices share the window: while one comes to its end, and another
	// to its beginning, most of the window is with the others.
	minLive = 4
	// maxShare is about how many places a slice has. The server starts a child
	// under its parent's lock, and each end of a child takes that lock, too: the
	// wider a slice, the longer they wait for each other (see maxStarting). With
	// a window of 64 over children that do nothing, 92 % of it was in use with
	// 8 places a slice, 89 % with 16, and under 60 % with 32.
	maxShare = 8
	// maxGrown is how far a share grows when no slice is left to begin: a
	// workflow task that meets more than a hundred events at once fails.
	maxGrown = 100
)

func newShares(window, slices int) *shares {
	live := min(slices, max(minLive, ceil(window, maxShare)))
	return &shares{
		window: window,
		base:   ceil(window, live),
		// Slices whose last partitions wait for a later pass hold no place, but
		// they are open workflows.
		most: 4 * max(minLive, live),
		n:    slices,
	}
}

// deal hands out what is free: to live slices that have less than a share, to so
// many new slices, and when none is left, to whoever has a use for it.
func (s *shares) deal(begin int) []deal {
	free := s.window
	for _, h := range s.live {
		free -= h.places
	}
	var deals []deal
	give := func(h *holder, n int, begin bool) {
		h.places += n
		free -= n
		deals = append(deals, deal{h.slice, h.places, begin})
	}
	hungry := s.hungry()
	for _, h := range hungry {
		if n := min(free, s.base-h.places); n > 0 {
			give(h, n, false)
		}
	}
	for free > 0 && s.next < s.n && len(s.live) < s.most {
		// Half a share is worth a slice; less is, where nobody else has a use
		// for it.
		if begin == 0 || free < ceil(s.base, 2) && len(hungry) > 0 {
			return deals
		}
		begin--
		s.live = append(s.live, holder{slice: s.next, hungry: true})
		s.next++
		give(&s.live[len(s.live)-1], min(free, s.base), true)
		hungry = s.hungry()
	}
	// Half a share at a time, always to who has the least: even, and few deals.
	for free > 0 && len(hungry) > 0 {
		h := slices.MinFunc(hungry, func(a, b *holder) int { return a.places - b.places })
		n := min(free, ceil(s.base, 2), maxGrown-h.places)
		if n <= 0 {
			break
		}
		give(h, n, false)
	}
	return deals
}

// resize changes the window. Where that leaves less than is in use, the largest
// shares shrink: their slices begin nothing until they are within theirs again.
func (s *shares) resize(window int) []deal {
	live := min(s.n, max(minLive, ceil(window, maxShare)))
	s.window, s.base, s.most = window, ceil(window, live), 4*max(minLive, live)
	over := -window
	for _, h := range s.live {
		over += h.places
	}
	shrunk := map[int]bool{}
	for ; over > 0; over-- {
		h := &s.live[0]
		for i := range s.live {
			if s.live[i].places > h.places {
				h = &s.live[i]
			}
		}
		h.places--
		shrunk[h.slice] = true
	}
	var deals []deal
	for _, h := range s.live {
		if shrunk[h.slice] {
			deals = append(deals, deal{slice: h.slice, places: h.places})
		}
	}
	return deals
}

// placesOf is the share of a live slice.
func (s *shares) placesOf(slice int) int {
	for _, h := range s.live {
		if h.slice == slice {
			return h.places
		}
	}
	return 0
}

// spare takes back what a slice has no use for any more.
func (s *shares) spare(slice, places int) {
	for i := range s.live {
		if h := &s.live[i]; h.slice == slice {
			h.places, h.hungry = min(h.places, places), false
		}
	}
}

// ended takes back the share of a slice that has ended.
func (s *shares) ended(slice int) {
	for i := range s.live {
		if s.live[i].slice == slice {
			s.live = append(s.live[:i], s.live[i+1:]...)
			return
		}
	}
}

// done is whether every slice was begun and has ended.
func (s *shares) done() bool { return s.next == s.n && len(s.live) == 0 }

func (s *shares) hungry() []*holder {
	var hs []*holder
	for i := range s.live {
		if s.live[i].hungry {
			hs = append(hs, &s.live[i])
		}
	}
	return hs
}

func ceil(a, b int) int { return (a + b - 1) / b }
