package pipeline

import "context"

// Admission grants bytes before they are held, first come, first served. One
// pool holds encoded images (fetched, or about to be stored), the other
// decodes: downloads cannot starve decodes, and since a decode never waits for
// encoded bytes, nothing waits in a circle.
//
// A fetch that turns out larger than it was granted goes before those that have
// not begun. Where the pool is empty it draws on what one at a time may draw on:
// without that, fetches that all wait to grow would wait for each other. There
// is a spare for those that stay little and a reserve for the others, which leave
// a quarter of the pool to the little ones: hosts that send much and then hardly
// go on do not hold up everybody.
type Admission struct {
	encoded *pool
	decoded *pool
	large   *pool // the share of encoded that fetches which are not little hold
	spare   turn  // of little fetches
	reserve turn  // of the others
}

// turn is bytes that one fetch at a time may draw on beyond the pool.
type turn struct {
	size int64 // the largest fetch that it serves
	free chan struct{}
}

func newTurn(size int64) turn {
	t := turn{size, make(chan struct{}, 1)}
	t.end()
	return t
}

func (t turn) end() { t.free <- struct{}{} }

// maxLittle is the largest fetch that counts as little: what a usual one is
// granted at first, at most.
const maxLittle = maxUsual

// NewAdmission makes pools of so many bytes for encoded images and for decodes.
// reserve, taken from encoded, is the largest encoded image that can be held.
func NewAdmission(encoded, reserve, decoded int64) *Admission {
	spare := min(maxLittle, (encoded-reserve)/8, reserve)
	all := encoded - reserve - spare
	return &Admission{
		encoded: newPool(all),
		decoded: newPool(decoded),
		large:   newPool(all - all/4),
		spare:   newTurn(spare),
		reserve: newTurn(reserve),
	}
}

// Largest is the size of the largest encoded image that is ever granted, bytes.
func (a *Admission) Largest() int64 { return a.reserve.size }

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
	// waits, if there is one, is called before the grant waits to grow, and what
	// it returns afterwards.
	waits func() (over func())

	a      *Admission
	bytes  int64 // granted in all
	pooled int64 // of these, from the pool
	large  int64 // of those, from the share of large ones
	turn   *turn // the rest is from; nil if there is none
}

// Bytes is how much is granted.
func (g *Grant) Bytes() int64 { return g.bytes }

// Grow raises the grant to total bytes, and waits for them if it must. More
// than the reserve is refused at once, with OverBudget.
func (g *Grant) Grow(ctx context.Context, total int64) error {
	if total > g.bytes && g.waits != nil {
		defer g.waits()()
	}
	if total <= g.bytes {
		return nil
	}
	if total > g.a.reserve.size {
		return Fail(OverBudget, "%d MB of encoded bytes, and this worker holds %d MB of one image at most: give it more --memory", total>>20, g.a.reserve.size>>20)
	}
	if g.turn != nil && total <= g.turn.size {
		g.bytes = total
		return nil
	}
	grow := g.growLittle
	if total > g.a.spare.size {
		grow = g.growLarge
	}
	turn, err := grow(ctx, total)
	if err != nil {
		return err
	}
	if g.turn != nil {
		g.turn.end()
	}
	if g.turn = turn; turn == nil {
		g.pooled = total
	}
	g.bytes = total
	return nil
}

// growLittle waits for the pool or for the spare turn, whichever comes first. It
// is little that it can keep others from meanwhile.
func (g *Grant) growLittle(ctx context.Context, total int64) (*turn, error) {
	spare, err := g.a.encoded.grow(ctx, total-g.pooled, g.a.spare.free)
	if spare {
		return &g.a.spare, err
	}
	return nil, err
}

// growLarge takes from the pool what is there, or waits for the reserve.
func (g *Grant) growLarge(ctx context.Context, total int64) (*turn, error) {
	if g.a.large.tryGrow(total - g.large) {
		if g.a.encoded.tryGrow(total - g.pooled) {
			g.large = total
			return nil, nil
		}
		g.a.large.release(total - g.large)
	}
	select {
	case <-g.a.reserve.free:
		return &g.a.reserve, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Shrink lowers the grant to total bytes: what was fetched is smaller than what
// was granted.
func (g *Grant) Shrink(total int64) {
	if total >= g.bytes {
		return
	}
	if g.turn != nil && total <= g.pooled {
		g.turn.end()
		g.turn = nil
	}
	if g.turn == nil {
		g.a.encoded.release(g.pooled - total)
		g.pooled = total
	}
	keep := min(g.large, g.pooled)
	if total <= g.a.spare.size {
		keep = 0 // little again
	}
	g.a.large.release(g.large - keep)
	g.large = keep
	g.bytes = total
}

// Release gives everything back. A second call does nothing.
func (g *Grant) Release() { g.Shrink(0) }
