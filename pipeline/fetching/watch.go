package fetching

import (
	"context"
	"sync"
	"time"

	"sluice/pipeline"
)

// watch ends a download that takes too long, or comes too slowly. It can be
// paused: a download that waits for memory is not its origin's fault.
type watch struct {
	limits Timeouts
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	total  *time.Timer
	end    time.Time   // when total is due
	floor  *time.Timer // nil until the body begins
	read   int64       // bytes of the body
	before int64       // of these, when the window began
	paused bool
}

// watched is a context that ends with the *pipeline.RowError that says why. left
// is what is left of the total.
func watched(ctx context.Context, limits Timeouts, left time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{limits: limits, cancel: cancel, end: time.Now().Add(left)}
	w.total = time.AfterFunc(left, func() {
		cancel(pipeline.Fail(pipeline.Timeout, "not done after %v", limits.Total))
	})
	return ctx, w
}

// stop ends it, and says what is left of the total.
func (w *watch) stop() (left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = true
	w.total.Stop()
	if w.floor != nil {
		w.floor.Stop()
	}
	w.cancel(nil)
	return time.Until(w.end)
}

// bodyBegins starts to hold the body against the floor.
func (w *watch) bodyBegins() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.floor = time.AfterFunc(w.limits.FloorWindow, w.windowEnds)
}

func (w *watch) windowEnds() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused {
		return
	}
	window := w.limits.FloorWindow
	came := w.read - w.before
	if float64(came) < float64(w.limits.Floor)*window.Seconds() {
		w.cancel(pipeline.Fail(pipeline.TooSlow, "%d bytes in %v, and the floor is %d bytes a second", came, window, w.limits.Floor))
		return
	}
	w.before = w.read
	w.floor.Reset(window)
}

// came counts bytes of the body.
func (w *watch) came(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read += int64(n)
}

// during runs wait with the clocks stopped.
func (w *watch) during(wait func() error) error {
	w.mu.Lock()
	w.paused = true
	w.total.Stop()
	left := time.Until(w.end)
	w.mu.Unlock()

	err := wait()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = false
	w.end = time.Now().Add(left)
	w.total.Reset(left)
	if w.floor != nil {
		w.before = w.read
		w.floor.Reset(w.limits.FloorWindow)
	}
	return err
}
