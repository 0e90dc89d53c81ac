package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"sluice/pipeline"
)

// fault is how an operation on a store goes wrong.
type fault int

const (
	none fault = iota
	// refused is not done.
	refused
	// unanswered is done, and answered with an error.
	unanswered
	// slow takes longer than several checkpoints are apart.
	slow
	// cut breaks off in the middle: of what is written, read or listed.
	cut
)

var faultNames = map[fault]string{refused: "refused", unanswered: "done, and answered with an error", slow: "slow", cut: "cut in the middle"}

// The store is slow for several of these: real time, as the encoders of Parquet
// cannot be had in a fake one.
const (
	shortly = 2 * time.Millisecond // between checkpoints
	slowly  = 5 * shortly
)

var errDown = errors.New("the store is down")

// faults number the operations of some stores, from 1 on, and choose which of
// them go wrong.
type faults struct {
	ops  atomic.Int64
	hits atomic.Int64
	// at chooses for an operation; nil lets all go well. It is set while nothing
	// runs, and called by many at once.
	at func(n int64, key string) fault
}

// next begins an operation.
func (f *faults) next(ctx context.Context, key string) (fault, error) {
	n := f.ops.Add(1)
	if f.at == nil {
		return none, nil
	}
	how := f.at(n, key)
	if how != none {
		f.hits.Add(1)
	}
	if how == slow {
		select {
		case <-time.After(slowly):
		case <-ctx.Done():
			return none, ctx.Err()
		}
		return none, nil
	}
	return how, nil
}

// arm has later operations go wrong as at says, counting from 1 again.
func (f *faults) arm(at func(n int64, key string) fault) {
	f.ops.Store(0)
	f.hits.Store(0)
	f.at = at
}

// only has operation i go wrong.
func only(i int64, how fault) func(n int64, key string) fault {
	return func(n int64, _ string) fault {
		if n == i {
			return how
		}
		return none
	}
}

// faulty is a store whose operations go wrong when its faults say so.
type faulty struct {
	pipeline.Store
	*faults
}

// change does an operation that changes the store. half does as much of it as
// was done when it broke off.
func (f *faulty) change(ctx context.Context, key string, all, half func() error) error {
	how, err := f.next(ctx, key)
	switch {
	case err != nil:
		return err
	case how == refused:
		return errDown
	case how == cut:
		return half()
	}
	if err := all(); err != nil {
		return err
	}
	if how == unanswered {
		return errDown
	}
	return nil
}

// halfOf stores half of body and then fails, by way of the real store, which has
// to leave nothing of it.
func (f *faulty) halfOf(ctx context.Context, key string, body []byte, opts *pipeline.WriteOptions) error {
	return f.Store.Stream(ctx, key, func(w io.Writer) error {
		if _, err := w.Write(body[:len(body)/2]); err != nil {
			return err
		}
		return errDown
	}, opts)
}

func (f *faulty) Write(ctx context.Context, key string, body []byte, opts *pipeline.WriteOptions) error {
	return f.change(ctx, key,
		func() error { return f.Store.Write(ctx, key, body, opts) },
		func() error { return f.halfOf(ctx, key, body, opts) })
}

func (f *faulty) Stream(ctx context.Context, key string, fill func(io.Writer) error, opts *pipeline.WriteOptions) error {
	return f.change(ctx, key,
		func() error { return f.Store.Stream(ctx, key, fill, opts) },
		func() error {
			var whole bytes.Buffer
			if err := fill(&whole); err != nil {
				return err
			}
			return f.halfOf(ctx, key, whole.Bytes(), opts)
		})
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	return f.change(ctx, key,
		func() error { return f.Store.Delete(ctx, key) },
		func() error { return errDown })
}

// look does an operation that changes nothing: whether it was done before it
// failed makes no difference.
func look[T any](ctx context.Context, f *faulty, key string, do func() (T, error)) (T, error) {
	var nothing T
	switch how, err := f.next(ctx, key); {
	case err != nil:
		return nothing, err
	case how != none:
		return nothing, errDown
	}
	return do()
}

func (f *faulty) Read(ctx context.Context, key string) ([]byte, error) {
	return look(ctx, f, key, func() ([]byte, error) { return f.Store.Read(ctx, key) })
}

func (f *faulty) Stat(ctx context.Context, key string) (pipeline.Object, error) {
	return look(ctx, f, key, func() (pipeline.Object, error) { return f.Store.Stat(ctx, key) })
}

func (f *faulty) Open(ctx context.Context, key string) (pipeline.ObjectReader, error) {
	return look(ctx, f, key, func() (pipeline.ObjectReader, error) {
		r, err := f.Store.Open(ctx, key)
		return faultyReader{r, f, ctx}, err
	})
}

func (f *faulty) List(ctx context.Context, prefix string) iter.Seq2[pipeline.Object, error] {
	how, err := f.next(ctx, prefix)
	if err == nil && how == none {
		return f.Store.List(ctx, prefix)
	}
	return func(yield func(pipeline.Object, error) bool) {
		if err != nil {
			yield(pipeline.Object{}, err)
			return
		}
		var all []pipeline.Object
		for obj, err := range f.Store.List(ctx, prefix) {
			if err != nil {
				yield(obj, err)
				return
			}
			all = append(all, obj)
		}
		if how != cut {
			all = nil
		}
		for obj := range slices.Values(all[:len(all)/2]) {
			if !yield(obj, nil) {
				return
			}
		}
		yield(pipeline.Object{}, errDown)
	}
}

// faultyReader is an object of a faulty store. Each range is an operation.
type faultyReader struct {
	pipeline.ObjectReader
	store *faulty
	ctx   context.Context
}

func (r faultyReader) ReadAt(p []byte, off int64) (int, error) {
	switch how, err := r.store.next(r.ctx, r.Object().Key); {
	case err != nil:
		return 0, err
	case how == cut:
		n, err := r.ObjectReader.ReadAt(p[:len(p)/2], off)
		if err == nil {
			err = errDown
		}
		return n, err
	case how != none:
		return 0, errDown
	}
	return r.ObjectReader.ReadAt(p, off)
}
