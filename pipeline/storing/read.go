package storing

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"

	"sluice/pipeline"
)

// Read reads an object whole.
func (s *Store) Read(ctx context.Context, key string) ([]byte, error) {
	if !s.usable(key) {
		return nil, s.missing(key)
	}
	w := s.watch(ctx)
	defer w.end(nil)
	var r *blob.Reader
	err := w.call(0, func() (err error) {
		r, err = s.bucket.NewReader(w.ctx, s.prefix+key, nil)
		return err
	})
	if err != nil {
		return nil, s.readFault(w.ctx, "read", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	defer r.Close()
	body := make([]byte, r.Size())
	if _, err := io.ReadFull(w.reader(r), body); err != nil {
		return nil, s.fault(w.ctx, "read", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	return body, nil
}

// Open prepares to read parts of an object, until ctx ends.
func (s *Store) Open(ctx context.Context, key string) (pipeline.ObjectReader, error) {
	o, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	r := &reader{store: s, ctx: ctx, object: o}
	r.ahead.load = r.readRange
	return r, nil
}

// reader reads ranges of one object.
type reader struct {
	store  *Store
	ctx    context.Context // of Open; io.ReaderAt has no room for one
	object pipeline.Object
	ahead  readAhead
}

func (r *reader) Object() pipeline.Object { return r.object }
func (r *reader) Close() error            { return nil }

// ReadAt implements io.ReaderAt. Small reads are served from larger ones.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	size := r.object.Size
	if off < 0 {
		return 0, fmt.Errorf("%s: read %s: the offset %d is negative", r.store.url, r.object.Key, off)
	}
	if off >= size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), size-off)]
	var n int
	var err error
	if len(want) >= blockSize || int64(len(want)) == size {
		n, err = r.readRange(want, off)
	} else {
		n, err = r.ahead.readAt(want, off, size)
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readRange makes one request. It fills p or fails: a range that ends early is
// an object that was replaced by a shorter one.
func (r *reader) readRange(p []byte, off int64) (int, error) {
	w := r.store.watch(r.ctx)
	defer w.end(nil)
	var b *blob.Reader
	err := w.call(0, func() (err error) {
		b, err = r.store.bucket.NewRangeReader(w.ctx, r.store.prefix+r.object.Key, off, int64(len(p)), nil)
		return err
	})
	if err != nil {
		return 0, r.store.readFault(w.ctx, "read", r.object.Key, err)
	}
	defer b.Close()
	n, err := io.ReadFull(w.reader(b), p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return n, r.store.fault(w.ctx, "read", r.object.Key, err)
	}
	return n, nil
}
