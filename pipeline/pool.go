package pipeline

import (
	"container/list"
	"context"
	"sync"
)

// pool grants bytes, first come, first served: what waits behind a large request
// is not granted before it, or it would wait for ever. It is a semaphore that
// can say what it holds, and what it is asked for.
type pool struct {
	mu      sync.Mutex
	size    int64
	held    int64
	waiting list.List // of *request, the oldest first
}

type request struct {
	bytes   int64
	granted chan struct{}
}

func newPool(size int64) *pool { return &pool{size: size} }

// acquire waits until n bytes are granted, which is never for more than size.
func (p *pool) acquire(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.fits(n) {
		p.held += n
		p.mu.Unlock()
		return nil
	}
	r := &request{n, make(chan struct{})}
	place := p.waiting.PushBack(r)
	p.mu.Unlock()
	select {
	case <-r.granted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-r.granted: // meanwhile
		p.held -= n
	default:
		p.waiting.Remove(place)
	}
	p.grant()
	return ctx.Err()
}

// fits reports whether n bytes can be granted at once: nobody is waiting.
func (p *pool) fits(n int64) bool { return p.waiting.Len() == 0 && p.held+n <= p.size }

// grant grants what can be. mu is locked.
func (p *pool) grant() {
	for first := p.waiting.Front(); first != nil; first = p.waiting.Front() {
		r := first.Value.(*request)
		if p.held+r.bytes > p.size {
			return
		}
		p.held += r.bytes
		p.waiting.Remove(first)
		close(r.granted)
	}
}

func (p *pool) tryAcquire(n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := p.fits(n)
	if ok {
		p.held += n
	}
	return ok
}

func (p *pool) release(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= n
	p.grant()
}

// PoolStats is what a pool of bytes holds, at one moment.
type PoolStats struct {
	Size, Held int64 // bytes
	Waiting    int   // requests
	Oldest     int64 // bytes of the request that is next; 0 if there is none
}

func (p *pool) stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PoolStats{Size: p.size, Held: p.held, Waiting: p.waiting.Len()}
	if first := p.waiting.Front(); first != nil {
		s.Oldest = first.Value.(*request).bytes
	}
	return s
}
