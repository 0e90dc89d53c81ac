package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

const (
	// maxBeat is the longest between two heartbeats, and so how soon a cancel
	// or a pause is heard of.
	maxBeat = 2 * time.Second
	// The waits between two tries while the server does not answer. The client
	// tries again within each of them, too.
	minRetry = 100 * time.Millisecond
	maxRetry = time.Second
	// stopGrace is how long the work has to end in order: to finish the decodes,
	// store them and a part, and commit. A store that hangs would keep it for
	// longer. With the heartbeat that brought the word that is nine seconds, and
	// less than a worker has to shut down.
	stopGrace = 7 * time.Second
)

// heart owns the heartbeats of one attempt at a partition. They go out one
// after the other, each carries the last accepted position or a later one, and
// none carries nothing: that would erase what the attempt before has left.
type heart struct {
	// work is the context to work under. It outlives a cancel, which is to end
	// the work in order; once it ends itself, nothing more may be written.
	work  context.Context
	abort context.CancelCauseFunc
	// stopping ends when the work is to end in order.
	stopping context.Context
	halt     context.CancelCauseFunc

	beater  Beater
	slowest func() string // what takes its time, "" if nothing does
	timeout time.Duration // of silence, after which the server gives up
	running sync.WaitGroup

	turn  chan struct{} // is full while the server is asked; it guards the next three
	last  Position      // that was accepted
	acked time.Time     // when the last heartbeat that was answered was sent
	over  error         // why no heartbeat may follow
}

// startHeart heartbeats until close, beginning with what the attempt before has
// left. ctx is the activity's; shutdown is closed when its worker is to stop.
func startHeart(ctx context.Context, shutdown <-chan struct{}, b Beater, slowest func() string, timeout time.Duration, first Position) *heart {
	h := &heart{beater: b, slowest: slowest, timeout: timeout, turn: make(chan struct{}, 1), last: first, acked: time.Now()}
	h.work, h.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	h.stopping, h.halt = context.WithCancelCause(h.work)
	h.running.Go(h.beat)
	h.running.Go(func() { h.watch(ctx, shutdown) })
	h.running.Go(h.cutShort)
	return h
}

// close ends the heartbeats and the work. What was left behind of it sends none
// any more.
func (h *heart) close() {
	h.abort(nil)
	h.running.Wait()
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if h.over == nil {
		h.over = context.Cause(h.work)
	}
}

// beat says every now and then that this attempt is alive, and hears whether it
// is to stop.
func (h *heart) beat() {
	tick := time.NewTicker(min(h.timeout/3, maxBeat))
	defer tick.Stop()
	for h.repeat() == nil {
		select {
		case <-tick.C:
		case <-h.work.Done():
			return
		}
	}
}

// watch hears what does not come with a heartbeat.
func (h *heart) watch(attempt context.Context, shutdown <-chan struct{}) {
	for {
		select {
		case <-shutdown:
			h.halt(errHandover)
			shutdown = nil
		case <-attempt.Done():
			cause := context.Cause(attempt)
			if !temporal.IsCanceledError(cause) {
				// The worker has waited for long enough to shut down.
				h.abort(cause)
				return
			}
			h.halt(cause)
			return
		case <-h.work.Done():
			return
		}
	}
}

// cutShort ends the work that does not come to its end in order. What is not in
// a checkpoint by then is done again.
func (h *heart) cutShort() {
	<-h.stopping.Done() // at the latest when the work ends
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-grace.C:
		h.abort(context.Cause(h.stopping))
	case <-h.work.Done():
	}
}

// repeat sends the last accepted position again.
func (h *heart) repeat() error {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	return h.send(h.work, h.last)
}

// commit sends a new position, unthrottled, and returns once it is accepted.
func (h *heart) commit(ctx context.Context, p Position) error {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-h.turn }()
	return h.send(ctx, p)
}

// send sends p until the server has answered, or has not for the whole heartbeat
// timeout: then it has given this attempt up, or is going to. It is its turn.
func (h *heart) send(ctx context.Context, p Position) error {
	for wait := minRetry; h.over == nil; wait = min(2*wait, maxRetry) {
		sent := time.Now()
		err := h.beater.Beat(ctx, h.told(p))
		var gone *serviceerror.NotFound
		switch {
		case err == nil:
			h.last, h.acked = p, sent
			return nil
		case temporal.IsCanceledError(err), errors.Is(err, activity.ErrActivityPaused), errors.Is(err, activity.ErrActivityReset):
			h.last, h.acked = p, sent
			h.halt(err)
			return nil
		case errors.As(err, &gone):
			h.over = errSuperseded
			h.abort(h.over)
		case time.Since(h.acked) > h.timeout:
			h.over = fmt.Errorf("no heartbeat was answered for %s: %w", h.timeout, err)
			h.abort(h.over)
		default:
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				// p may have arrived, so that repeating h.last could go back.
				h.over = context.Cause(ctx)
			}
		}
	}
	return h.over
}

// told is p with what takes its time now, for people.
func (h *heart) told(p Position) Position {
	if s := h.slowest(); s != "" {
		p.Summary += "; slowest: " + s
	}
	return p
}

// ending is why the work came to err. It is asked before close.
func (h *heart) ending(err error) error {
	if cause := context.Cause(h.work); cause != nil {
		return cause
	}
	if why := context.Cause(h.stopping); why != nil && errors.Is(err, pipeline.ErrStopped) {
		return why
	}
	return err
}
