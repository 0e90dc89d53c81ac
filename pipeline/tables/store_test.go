package tables

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/pipeline"
)

// memory is a Store in memory. It counts the bytes that are read, and fails
// reads on demand.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	hashes  map[string]string // of the objects: their versions
	read    int64
	reads   []pipeline.Run // byte ranges, in order
	open    int
	fail    error // of ReadAt
	onRead  func(off int64, n int)
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}, hashes: map[string]string{}} }

func version(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func (m *memory) object(key string) (pipeline.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[key]
	if !ok {
		return pipeline.Object{}, fmt.Errorf("mem: %s: %w", key, fs.ErrNotExist)
	}
	return pipeline.Object{Key: key, Size: int64(len(b)), Version: m.hashes[key]}, nil
}

func (m *memory) put(key string, b []byte) pipeline.Object {
	m.mu.Lock()
	m.objects[key], m.hashes[key] = b, version(b)
	m.mu.Unlock()
	o, _ := m.object(key)
	return o
}

// reset forgets what was read.
func (m *memory) reset() { m.read, m.reads = 0, nil }

// touched is how many bytes of a range were read.
func (m *memory) touched(from, to int64) (n int64) {
	for _, r := range m.reads {
		n += max(0, min(r.End(), to)-max(r.First, from))
	}
	return n
}

func (m *memory) URL() string { return "mem://" }

func (m *memory) Write(_ context.Context, key string, body []byte, _ *pipeline.WriteOptions) error {
	m.put(key, slices.Clone(body))
	return nil
}

func (m *memory) Stream(_ context.Context, key string, fill func(io.Writer) error, _ *pipeline.WriteOptions) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	m.put(key, b.Bytes())
	return nil
}

func (m *memory) Read(_ context.Context, key string) ([]byte, error) {
	if _, err := m.object(key); err != nil {
		return nil, err
	}
	return slices.Clone(m.objects[key]), nil
}

func (m *memory) Open(_ context.Context, key string) (pipeline.ObjectReader, error) {
	o, err := m.object(key)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open++
	return &memoryReader{m, o}, nil
}

func (m *memory) Stat(_ context.Context, key string) (pipeline.Object, error) { return m.object(key) }

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[pipeline.Object, error] {
	return func(yield func(pipeline.Object, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.objects)) {
			if strings.HasPrefix(key, prefix) {
				if o, err := m.object(key); !yield(o, err) {
					return
				}
			}
		}
	}
}

func (m *memory) Sweep(context.Context, time.Time) (int, error) { return 0, nil }

func (m *memory) Delete(_ context.Context, key string) error {
	delete(m.objects, key)
	return nil
}

type memoryReader struct {
	m *memory
	o pipeline.Object
}

func (r *memoryReader) ReadAt(p []byte, off int64) (int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.m.onRead != nil {
		r.m.onRead(off, len(p))
	}
	if r.m.fail != nil {
		return 0, r.m.fail
	}
	r.m.read += int64(len(p))
	r.m.reads = append(r.m.reads, pipeline.Run{First: off, N: int64(len(p))})
	return bytes.NewReader(r.m.objects[r.o.Key]).ReadAt(p, off)
}

func (r *memoryReader) Close() error {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.open--
	return nil
}

func (r *memoryReader) Object() pipeline.Object { return r.o }

var _ pipeline.Store = (*memory)(nil)
