package fetching

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sluice/pipeline"
)

// readObject reads an object of a store. Only what is the source's own fault is
// a *pipeline.RowError.
func (f *Fetcher) readObject(ctx context.Context, store pipeline.Store, key string, grant *pipeline.Grant) (pipeline.Body, error) {
	limit := f.opts.Timeouts.Total
	reading, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: reading %q: not done after %v", store.URL(), key, limit))
	defer cancel()
	body, err := f.readWhole(reading, store, key, grant)
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, fs.ErrNotExist):
		return pipeline.Body{}, pipeline.Fail(pipeline.NotFound, "there is no object of this key")
	case reading.Err() != nil:
		return pipeline.Body{}, context.Cause(reading)
	}
	return pipeline.Body{}, err
}

func (f *Fetcher) readWhole(ctx context.Context, store pipeline.Store, key string, grant *pipeline.Grant) (_ pipeline.Body, err error) {
	r, err := store.Open(ctx, key)
	if err != nil {
		return pipeline.Body{}, err
	}
	defer r.Close()
	size := r.Object().Size
	if err := f.TooLarge(size); err != nil {
		return pipeline.Body{}, err
	}
	h := &holding{f: f, grant: grant}
	if err := h.grow(ctx, size, size); err != nil {
		return pipeline.Body{}, err
	}
	h.buf = h.buf[:size]
	if n, err := r.ReadAt(h.buf, 0); int64(n) < size {
		h.free()
		return pipeline.Body{}, err
	}
	body, err := h.done()
	if err != nil {
		h.free()
	}
	return body, err
}
