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
	growing list.List // of *request, the oldest first: these go before
	waiting list.List // those
}

type request struct {
	bytes   int64
	granted chan struct{}
}

func newPool(size int64) *pool { return &pool{size: size} }

// acquire waits until n bytes are granted, which is never for more than size.
func (p *pool) acquire(ctx context.Context, n int64) error {
	_, err := p.await(ctx, n, &p.waiting, nil)
	return err
}

// grow waits until n bytes are granted, before those that acquire waits for, or
// until it can receive from instead, and says which it was.
func (p *pool) grow(ctx context.Context, n int64, instead <-chan struct{}) (received bool, err error) {
	return p.await(ctx, n, &p.growing, instead)
}

// tryGrow is whether n bytes are granted without waiting.
func (p *pool) tryGrow(n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := p.growing.Len() == 0 && p.held+n <= p.size
	if ok {
		p.held += n
	}
	return ok
}

func (p *pool) await(ctx context.Context, n int64, queue *list.List, instead <-chan struct{}) (received bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r := &request{n, make(chan struct{})}
	p.mu.Lock()
	place := queue.PushBack(r)
	p.grant()
	p.mu.Unlock()
	select {
	case <-r.granted: // rather than instead, if there are both
		return false, nil
	default:
	}
	select {
	case <-r.granted:
		return false, nil
	case <-instead:
		received = true
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-r.granted: // meanwhile
		p.held -= n
	default:
		queue.Remove(place)
	}
	p.grant()
	return received, err
}

// first is the request that is next, or nil.
func (p *pool) first() (*list.List, *list.Element) {
	for _, queue := range []*list.List{&p.growing, &p.waiting} {
		if e := queue.Front(); e != nil {
			return queue, e
		}
	}
	return nil, nil
}

// grant grants what can be. mu is locked.
func (p *pool) grant() {
	for queue, e := p.first(); e != nil; queue, e = p.first() {
		r := e.Value.(*request)
		if p.held+r.bytes > p.size {
			return
		}
		p.held += r.bytes
		queue.Remove(e)
		close(r.granted)
	}
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
	s := PoolStats{Size: p.size, Held: p.held, Waiting: p.growing.Len() + p.waiting.Len()}
	if _, first := p.first(); first != nil {
		s.Oldest = first.Value.(*request).bytes
	}
	return s
}
