package fetching

import (
	"context"
	"io"

	"sluice/pipeline"
)

// firstBuffer is what a body of unknown length begins with. It doubles from
// there: three times for a photograph of 350 kB. One of a length that is
// announced has its buffer at once if that is granted already, as it is for a
// usual image. What goes beyond has to come first: a host that announces much
// and sends little holds no more than one that announces nothing.
const firstBuffer = 128 << 10 // bytes

// holding is a buffer and the grant that covers it. The grant is always at least
// the buffer's capacity.
type holding struct {
	f     *Fetcher
	grant *pipeline.Grant
	buf   []byte
}

// readBody reads a body whole. announced is its length, or negative.
func (f *Fetcher) readBody(ctx context.Context, w *watch, body io.Reader, announced int64, grant *pipeline.Grant) (_ pipeline.Body, err error) {
	if err := f.TooLarge(announced); err != nil {
		return pipeline.Body{}, err
	}
	h := &holding{f: f, grant: grant}
	defer func() {
		if err != nil {
			h.free()
		}
	}()
	most, first := f.opts.MaxBytes, int64(firstBuffer)
	if announced >= 0 {
		most, first = announced, max(f.buffers.within(grant.Bytes()), firstBuffer)
	}
	first = min(first, most)
	if err := w.during(func() error { return h.grow(ctx, first, first) }); err != nil {
		return pipeline.Body{}, err
	}
	w.bodyBegins()
	for {
		n, err := body.Read(h.buf[len(h.buf):cap(h.buf)])
		w.came(n)
		h.buf = h.buf[:len(h.buf)+n]
		// The bare word only: where ctx was cancelled, err is the cause of that,
		// and io.EOF may be in its chain.
		if err == io.EOF {
			return h.done()
		}
		if err != nil {
			return pipeline.Body{}, err
		}
		if len(h.buf) < cap(h.buf) {
			continue
		}
		// Full. One byte more tells a body that ends here from one that does not.
		var next [1]byte
		if n, err = io.ReadFull(body, next[:]); err == io.EOF {
			return h.done()
		}
		if err != nil {
			return pipeline.Body{}, err
		}
		w.came(n)
		if int64(len(h.buf)) == f.opts.MaxBytes {
			return pipeline.Body{}, f.tooLarge(-1)
		}
		full := int64(cap(h.buf))
		if full >= most { // more than was announced
			most = f.opts.MaxBytes
		}
		more, twice := min(full+full/4, most), min(2*full, most)
		if err := w.during(func() error { return h.grow(ctx, more, twice) }); err != nil {
			return pipeline.Body{}, err
		}
		h.buf = append(h.buf, next[0])
	}
}

// TooLarge implements pipeline.Limited.
func (f *Fetcher) TooLarge(size int64) error {
	if size <= f.opts.MaxBytes {
		return nil
	}
	return f.tooLarge(size)
}

func (f *Fetcher) tooLarge(announced int64) *pipeline.RowError {
	if announced < 0 {
		return pipeline.Fail(pipeline.TooLarge, "more than the %d bytes that are allowed", f.opts.MaxBytes)
	}
	return pipeline.Fail(pipeline.TooLarge, "%d bytes, and %d are allowed", announced, f.opts.MaxBytes)
}

// grow moves what is held into a larger buffer, which is granted first: one for
// wish bytes, or if that is more than is ever granted, for least. While it is
// copied there are both, so both are granted if they can be. Else the old one is
// not covered for the moment of the copy, in one fetch at a time: the one that
// holds the reserve.
func (h *holding) grow(ctx context.Context, least, wish int64) error {
	held := int64(cap(h.buf))
	size := h.f.buffers.size(wish)
	err := h.grant.Grow(ctx, held+size)
	if overBudget(err) {
		err = h.grant.Grow(ctx, size)
	}
	if overBudget(err) {
		size = least
		err = h.grant.Grow(ctx, size)
	}
	if err != nil {
		return err
	}
	old := h.buf
	h.buf = append(h.f.buffers.get(size), old...)
	h.f.buffers.put(old)
	return nil
}

func overBudget(err error) bool {
	refused, ok := pipeline.AsRowError(err)
	return ok && refused.Class == pipeline.OverBudget
}

// done hands the body over, and gives back what was granted beyond the buffer.
func (h *holding) done() (pipeline.Body, error) {
	if len(h.buf) == 0 {
		return pipeline.Body{}, pipeline.Fail(pipeline.Empty, "there are no bytes")
	}
	h.grant.Shrink(int64(cap(h.buf)))
	return pipeline.Body{Bytes: h.buf, Free: h.free}, nil
}

// free gives the buffer back, once.
func (h *holding) free() {
	h.f.buffers.put(h.buf)
	h.buf = nil
}
