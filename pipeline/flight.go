package pipeline

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Flight decides how many downloads are in flight, which nobody sets. It holds
// back new ones by a window over the rows that are downloading or wait for a
// decoder, so that a take-off follows a decode and no backlog piles up. The
// window is what keeps the decoders fed at the latency that the origins have
// just now, and it is found the way TCP finds its own, with what happened during
// a download's own time as the feedback: if a decoder was idle meanwhile it
// grows by one, and so doubles within a latency; if there was a backlog all the
// time it shrinks by an eighth of one. Down is slower than up because idle
// decoders cost time, and a backlog costs only memory that was granted.
//
// Downloads that do not end give no feedback, and a few hosts that drip could
// fill the window for as long as they like. So it grows by time, too: by an
// eighth each starving, while a decoder idles and somebody waits to take off.
type Flight struct {
	mu       sync.Mutex
	window   float64 // of flying + ready
	flying   int
	ready    int // landed and not yet decoding
	decoding int
	queue    []chan Ticket // those who wait to take off, first come, first served

	// The clock counts take-offs. idle is when a decoder last had nothing to do,
	// low is when the backlog last was smaller than wanted.
	clock, idle, low Ticket

	decoders int
	decode   *semaphore.Weighted
	hungry   *time.Timer // nil unless a decoder idles while somebody waits
}

// starving is how long a decoder idles before the window grows by itself: most
// origins answer sooner, and those that do not cost a decoder no more than this.
const starving = 100 * time.Millisecond

// Ticket is when a download took off.
type Ticket int64

// maxWindow bounds the search upwards where more downloads do not help: a link
// that is full. At 100 images a second, 512 in flight are a latency of five
// seconds.
const maxWindow = 512

// NewFlight serves so many decoders.
func NewFlight(decoders int) *Flight {
	return &Flight{window: float64(minWindow(decoders)), decoders: decoders, decode: semaphore.NewWeighted(int64(decoders))}
}

// minWindow is the backlog that is wanted, and as many downloads to renew it.
func minWindow(decoders int) int { return 2 * (decoders + 1) }

// backlog is how many landed downloads are enough: every decoder's next image,
// and one more against the jitter of the origins.
func (f *Flight) backlog() int { return f.decoders + 1 }

// TakeOff waits until another download may begin. Landed or Lost ends it.
func (f *Flight) TakeOff(ctx context.Context) (Ticket, error) {
	turn := make(chan Ticket, 1)
	f.mu.Lock()
	f.queue = append(f.queue, turn)
	f.next()
	f.mu.Unlock()
	select {
	case t := <-turn:
		return t, nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.queue {
		if c == turn {
			f.queue = append(f.queue[:i], f.queue[i+1:]...)
			f.watch()
			return 0, ctx.Err()
		}
	}
	// The turn came together with the end: pass it on.
	f.flying--
	f.next()
	return 0, ctx.Err()
}

// Lost ends a download that failed.
func (f *Flight) Lost(t Ticket) { f.end(t, 0) }

// Landed ends a download that is now ready to be decoded. Decode or Dropped
// follows.
func (f *Flight) Landed(t Ticket) { f.end(t, 1) }

func (f *Flight) end(t Ticket, ready int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.observe()
	switch {
	case f.idle >= t:
		if len(f.queue) > 0 { // else it is not the limit that starves the decoders
			f.window = min(f.window+1, maxWindow)
		}
	case f.low < t:
		f.window = max(f.window-1./8, float64(minWindow(f.decoders)))
	}
	f.flying--
	f.ready += ready
	f.next()
}

// next lets those take off whose turn has come.
func (f *Flight) next() {
	for len(f.queue) > 0 && f.flying+f.ready < int(f.window) {
		f.flying++
		f.clock++
		f.observe()
		f.queue[0] <- f.clock
		f.queue = f.queue[1:]
	}
	f.watch()
}

// watch sets the timer by which the window grows, or stops it.
func (f *Flight) watch() {
	starves := len(f.queue) > 0 && f.ready == 0 && f.decoding < f.decoders && f.window < maxWindow
	switch {
	case starves && f.hungry == nil:
		f.hungry = time.AfterFunc(starving, f.starve)
	case !starves && f.hungry != nil:
		f.hungry.Stop()
		f.hungry = nil
	}
}

func (f *Flight) starve() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hungry == nil {
		return // it was stopped as it rang
	}
	f.hungry = nil
	f.window = min(f.window+max(1, f.window/8), maxWindow)
	f.next()
}

// observe notes the state that has been since the last change, and is.
func (f *Flight) observe() {
	if f.ready == 0 && f.decoding < f.decoders {
		f.idle = f.clock
	}
	if f.ready < f.backlog() {
		f.low = f.clock
	}
}

// Dropped ends a landed download that is not going to be decoded.
func (f *Flight) Dropped() { f.change(-1, 0) }

// Decode waits for a decoder, first come, first served, and returns what gives
// it back.
func (f *Flight) Decode(ctx context.Context) (done func(), err error) {
	if err := f.decode.Acquire(ctx, 1); err != nil {
		f.Dropped()
		return nil, err
	}
	f.change(-1, +1)
	return func() {
		f.change(0, -1)
		f.decode.Release(1)
	}, nil
}

func (f *Flight) change(ready, decoding int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready += ready
	f.decoding += decoding
	f.observe()
	f.next()
}

// Window is how many rows may be downloading or waiting for a decoder now.
func (f *Flight) Window() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int(f.window)
}

func (f *Flight) state() (window, flying, ready, decoding int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int(f.window), f.flying, f.ready, f.decoding
}
