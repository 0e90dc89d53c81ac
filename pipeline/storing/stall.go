package storing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// stallLimit is for how long a bucket may keep a call waiting. One that accepts
	// connections and never answers would do so for good: the SDKs' clients have no
	// limit of their own. It has room for their retries, seconds apart.
	stallLimit = 30 * time.Second
	// slowest is how many bytes of an upload a second have to get through. That they
	// do cannot be seen from here, so that it is added to the limit beforehand.
	slowest = 64 << 10
)

// errStalled is the cause of the end of a call that took for longer.
var errStalled = errors.New("the bucket keeps a call waiting")

// watch gives an operation a context that ends when one of its calls stalls. A
// folder is not watched: a system call cannot be cut short.
type watch struct {
	ctx   context.Context
	end   context.CancelCauseFunc
	limit time.Duration // 0: none
}

func (s *Store) watch(ctx context.Context) *watch {
	w := &watch{limit: s.stallLimit}
	w.ctx, w.end = context.WithCancelCause(ctx)
	return w
}

// call makes a call that has to send so many bytes at most before it returns.
func (w *watch) call(bytes int64, f func() error) error {
	if w.limit > 0 {
		limit := w.limit + time.Duration(bytes)*time.Second/slowest
		defer time.AfterFunc(limit, func() {
			w.end(fmt.Errorf("%w: no answer for %s", errStalled, limit.Round(time.Second)))
		}).Stop()
	}
	return f()
}

// stalled is why ctx, or the watch that it is of, was ended by a call that
// stalled; nil if it was not.
func stalled(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return nil
}

// reader makes each read a call of its own, since bytes move between them.
func (w *watch) reader(r io.Reader) io.Reader { return watchedReader{w, r} }

type watchedReader struct {
	watch *watch
	from  io.Reader
}

func (r watchedReader) Read(p []byte) (n int, err error) {
	err = r.watch.call(0, func() error {
		n, err = r.from.Read(p)
		return err
	})
	return n, err
}
