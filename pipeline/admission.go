package pipeline

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Admission grants bytes before they are held, first come, first served. One
// pool holds encoded images (fetched, or about to be stored), the other
// decodes: downloads cannot starve decodes, and since a decode never waits for
// encoded bytes, nothing waits in a circle.
type Admission struct {
	encoded *pool
	decoded *pool
	// reserve is what one fetch at a time may draw on when it turns out larger
	// than it was granted and the pool is empty. Without it, fetches that all
	// wait to grow would wait for each other.
	reserve     *semaphore.Weighted
	reserveSize int64
}

// NewAdmission makes pools of so many bytes for encoded images and for decodes.
// reserve, taken from encoded, is the largest encoded image that can be held.
func NewAdmission(encoded, reserve, decoded int64) *Admission {
	return &Admission{
		encoded:     newPool(encoded - reserve),
		decoded:     newPool(decoded),
		reserve:     semaphore.NewWeighted(1),
		reserveSize: reserve,
	}
}

// Largest is the size of the largest encoded image that is ever granted, bytes.
func (a *Admission) Largest() int64 { return a.reserveSize }

// Decodes is the size of the largest decode that is ever granted, bytes.
func (a *Admission) Decodes() int64 { return a.decoded.size }

// Stats are those of the two pools, of which each is right for itself.
func (a *Admission) Stats() (encoded, decoded PoolStats) {
	return a.encoded.stats(), a.decoded.stats()
}

// AdmitFetch waits until n bytes for an encoded image are granted.
func (a *Admission) AdmitFetch(ctx context.Context, n int64) (*Grant, error) {
	n = min(n, a.encoded.size)
	if err := a.encoded.acquire(ctx, n); err != nil {
		return nil, err
	}
	return &Grant{a: a, pooled: n, bytes: n}, nil
}

// AdmitDecode waits until n bytes for a decode are granted, and returns what
// gives them back. What fits in no pool is refused at once, with OverBudget.
func (a *Admission) AdmitDecode(ctx context.Context, n int64) (release func(), err error) {
	if n > a.decoded.size {
		return nil, Fail(OverBudget, "its decode may take %d MB, and this worker grants %d MB at most: give it more --memory", n>>20, a.decoded.size>>20)
	}
	if err := a.decoded.acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { a.decoded.release(n) }, nil
}

// Grant is what one encoded image may hold. It belongs to one goroutine at a
// time.
type Grant struct {
	a       *Admission
	bytes   int64 // granted in all
	pooled  int64 // of these, from the pool
	reserve bool  // the rest is from the reserve
}

// Bytes is how much is granted.
func (g *Grant) Bytes() int64 { return g.bytes }

// Grow raises the grant to total bytes, and waits for them if it must. More
// than the reserve is refused at once, with OverBudget.
func (g *Grant) Grow(ctx context.Context, total int64) error {
	if total <= g.bytes {
		return nil
	}
	if total > g.a.reserveSize {
		return Fail(OverBudget, "%d MB of encoded bytes, and this worker holds %d MB of one image at most: give it more --memory", total>>20, g.a.reserveSize>>20)
	}
	if !g.reserve {
		if g.a.encoded.tryAcquire(total - g.bytes) {
			g.pooled += total - g.bytes
			g.bytes = total
			return nil
		}
		if err := g.a.reserve.Acquire(ctx, 1); err != nil {
			return err
		}
		g.reserve = true
	}
	g.bytes = total
	return nil
}

// Shrink lowers the grant to total bytes: what was fetched is smaller than what
// was granted.
func (g *Grant) Shrink(total int64) {
	if total >= g.bytes {
		return
	}
	if g.reserve && total <= g.pooled {
		g.a.reserve.Release(1)
		g.reserve = false
	}
	if !g.reserve {
		g.a.encoded.release(g.pooled - total)
		g.pooled = total
	}
	g.bytes = total
}

// Release gives everything back. A second call does nothing.
func (g *Grant) Release() { g.Shrink(0) }
