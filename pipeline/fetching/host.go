package fetching

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sluice/pipeline"
)

const (
	// defaultPerHost is what browsers allowed themselves in HTTP/1.1's days, and
	// a little more: servers are made for it.
	defaultPerHost = 8
	// patience is the longest pause that rows wait out within a pass. A host
	// that asks for a longer one has its rows deferred to a later pass.
	patience = 5 * time.Second
	// unasked is the pause after a 429 that asks for none.
	unasked = time.Second
	// A host fails so often in a row, whoever asks, before it is left alone for
	// coolFirst; each trial that fails doubles that, up to coolMost. Single
	// images that their host chokes on are fewer.
	breakAfter = 20
	coolFirst  = 10 * time.Second
	coolMost   = 2 * time.Minute
)

// host gives out places to ask one host, first come, first served: so many at a
// time, with pauses between them. One that asks for a long pause, or only fails,
// refuses instead.
type host struct {
	mu     sync.Mutex
	limits hostLimits
	busy   int // places that are held
	queue  []chan turn
	next   time.Time   // when the next may be given, by the rate
	timer  *time.Timer // rings when the first in the queue may go on

	rest  time.Time // no request before, by its Retry-After
	fails int       // in a row
	// What it failed with, once it is left alone; shut is until when. One trial
	// at a time then finds out whether it is well again.
	class pipeline.Class
	cause string
	shut  time.Time
	cool  time.Duration // 0 if it is not left alone
	trial *place
}

// place is the right to ask a host once. Each is another: done and abandon know
// them apart.
type place struct {
	share *place // of a run's share, that goes with it; see runHost
}

// turn is what waiting for a place comes to.
type turn struct {
	place *place
	err   error
}

func (h *host) inUse() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.busy > 0 || len(h.queue) > 0 || h.cool > 0 || time.Now().Before(h.rest)
}

func (h *host) limit(connections int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limits.connections = connections
	h.pump()
}

// try takes a place if there is one now, or nil. An error is the host's refusal.
func (h *host) try() (*place, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) > 0 {
		return nil, h.refusal(time.Now())
	}
	return h.admit(time.Now())
}

// wait waits for a place.
func (h *host) wait(ctx context.Context) (*place, error) {
	mine := make(chan turn, 1)
	h.mu.Lock()
	h.queue = append(h.queue, mine)
	h.pump()
	h.mu.Unlock()
	select {
	case t := <-mine:
		return t.place, t.err
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.queue, mine); i >= 0 {
		h.queue = slices.Delete(h.queue, i, i+1)
		h.pump()
	} else if t := <-mine; t.err == nil { // it came together with the end
		h.leave(t.place)
	}
	return nil, ctx.Err()
}

// pump lets those in the queue go on whose turn has come.
func (h *host) pump() {
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	for len(h.queue) > 0 {
		now := time.Now()
		p, err := h.admit(now)
		if p == nil && err == nil {
			if at := h.opens(); at.After(now) {
				h.timer = time.AfterFunc(at.Sub(now), func() {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.pump()
				})
			}
			return
		}
		h.queue[0] <- turn{p, err}
		h.queue = h.queue[1:]
	}
}

// opens is when a request may be made, as far as that is a question of time.
func (h *host) opens() time.Time {
	if h.rest.After(h.next) {
		return h.rest
	}
	return h.next
}

// refusal is why the host is not to be asked in this pass, or nil.
func (h *host) refusal(now time.Time) error {
	if h.cool > 0 && now.Before(h.shut) {
		left := h.shut.Sub(now)
		e := pipeline.Fail(h.class, "not asked for: the host failed %d times in a row, and is left alone; the last time: %s", h.fails, h.cause)
		e.RetryAfter = left
		return e
	}
	if left := h.rest.Sub(now); left > patience {
		e := pipeline.Fail(pipeline.RateLimited, "not asked for: the host wants to be left alone for another %v", left.Round(time.Second))
		e.RetryAfter = left
		return e
	}
	return nil
}

func (h *host) admit(now time.Time) (*place, error) {
	if err := h.refusal(now); err != nil {
		return nil, err
	}
	full := h.limits.connections > 0 && h.busy >= h.limits.connections
	if full || h.opens().After(now) || h.cool > 0 && h.trial != nil {
		return nil, nil
	}
	p := &place{}
	if h.cool > 0 {
		h.trial = p
	}
	h.busy++
	h.next = now.Add(h.limits.pause)
	return p, nil
}

// abandon gives a place back without an answer.
func (h *host) abandon(p *place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(p)
}

func (h *host) leave(p *place) {
	h.busy--
	if h.trial == p {
		h.trial = nil
	}
	h.pump()
}

// done gives a place back with what came of it: nil if the host answered.
func (h *host) done(p *place, failed *pipeline.RowError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	switch {
	case failed == nil || !failed.Class.Transient():
		h.fails, h.cool, h.trial = 0, 0, nil
	case failed.Class == pipeline.RateLimited:
		h.fails, h.cool, h.trial = 0, 0, nil
		pause := failed.RetryAfter
		if pause == 0 {
			pause = unasked
		}
		if until := now.Add(pause); until.After(h.rest) {
			h.rest = until
		}
	default:
		h.fails++
		if h.fails >= breakAfter && (h.cool == 0 || h.trial == p) {
			h.class, h.cause = failed.Class, failed.Message
			h.cool = min(max(2*h.cool, coolFirst), coolMost)
			h.shut = now.Add(h.cool)
		}
	}
	h.leave(p)
}

const (
	// A row that failed for a transient reason is asked for again so often, on
	// average after half of firstRetry, then of twice that.
	defaultRetries = 2
	firstRetry     = time.Second
	// retryWithin leaves what takes its time to fail to a later pass.
	retryWithin = 30 * time.Second
)

// retryDelay is a random share of what doubles with each try: those that failed
// together do not come back together.
func retryDelay(tries int) time.Duration {
	return rand.N(firstRetry << min(tries-1, 4))
}
