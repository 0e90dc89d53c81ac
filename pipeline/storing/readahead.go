package storing

import "sync"

// A Parquet reader asks for 4 bytes, then 8, then a footer, then pages a few kB
// at a time, from as many places as there are columns. Each of these would be a
// request to S3, of some 20 ms. So reads smaller than a block are served from
// blocks, the last 16 of them: as many columns can be read side by side, for
// 2 MiB of memory a reader.
const (
	blockSize = 128 << 10 // bytes
	maxBlocks = 16
)

// readAhead serves small reads of one object from blocks.
type readAhead struct {
	load func(p []byte, off int64) (int, error)

	mu     sync.Mutex
	blocks []*block // the latest used first
}

// block is loaded once, by whoever needs it first.
type block struct {
	index int64
	load  func() ([]byte, error)
}

// readAt fills p from off on. The caller has cut p at the object's size.
func (a *readAhead) readAt(p []byte, off, size int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		b := a.block(at/blockSize, size)
		data, err := b.load()
		if err != nil {
			a.forget(b)
			return n, err
		}
		n += copy(p[n:], data[at%blockSize:])
	}
	return n, nil
}

// block finds a block or makes one, and puts it first.
func (a *readAhead) block(index, size int64) *block {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, b := range a.blocks {
		if b.index == index {
			copy(a.blocks[1:i+1], a.blocks[:i])
			a.blocks[0] = b
			return b
		}
	}
	off := index * blockSize
	b := &block{index: index, load: sync.OnceValues(func() ([]byte, error) {
		data := make([]byte, min(blockSize, size-off))
		_, err := a.load(data, off)
		return data, err
	})}
	if len(a.blocks) < maxBlocks {
		a.blocks = append(a.blocks, nil)
	}
	copy(a.blocks[1:], a.blocks)
	a.blocks[0] = b
	return b
}

// forget drops a block that could not be loaded, so that the next read tries
// again.
func (a *readAhead) forget(b *block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, c := range a.blocks {
		if c == b {
			a.blocks = append(a.blocks[:i], a.blocks[i+1:]...)
			return
		}
	}
}
