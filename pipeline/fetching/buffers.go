package fetching

import (
	"math/bits"
	"sync"
)

// buffers keeps buffers for reuse, so that images do not become garbage: a heap
// may grow to twice what lives in it before it is collected, and nobody was
// granted the second half. It bounds what it keeps; what is in use is bounded by
// the grants.
type buffers struct {
	largest int64 // bytes; no buffer is larger
	limit   int64 // bytes kept

	mu   sync.Mutex
	kept int64    // bytes
	idle [][]byte // the longest idle first
}

// smallest is the size of the smallest buffer, in bytes.
const smallest = 64 << 10

// size is the capacity of a buffer for n bytes. There are four sizes to a
// doubling: the more there are, the less is wasted, at most a quarter here, and
// the seldomer one fits that is idle.
func (b *buffers) size(n int64) int64 {
	if n <= smallest {
		return min(smallest, b.largest)
	}
	step := int64(1) << (bits.Len64(uint64(n-1)) - 3)
	return min((n+step-1)/step*step, b.largest)
}

// within is the largest capacity that n bytes cover, 0 if there is none.
func (b *buffers) within(n int64) int64 {
	if n < smallest {
		return 0
	}
	step := int64(1) << (bits.Len64(uint64(n)) - 3)
	return min(n/step*step, b.largest)
}

// get returns an empty buffer of a capacity that size gave.
func (b *buffers) get(size int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.idle) - 1; i >= 0; i-- {
		if buf := b.idle[i]; int64(cap(buf)) == size {
			b.idle = append(b.idle[:i], b.idle[i+1:]...)
			b.kept -= size
			return buf
		}
	}
	return make([]byte, 0, size)
}

// put takes a buffer back. Those that were idle longest make room for it.
func (b *buffers) put(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle = append(b.idle, buf[:0])
	b.kept += int64(cap(buf))
	for b.kept > b.limit {
		b.kept -= int64(cap(b.idle[0]))
		b.idle[0] = nil
		b.idle = b.idle[1:]
	}
}

// drop lets go of what is idle.
func (b *buffers) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle, b.kept = nil, 0
}
