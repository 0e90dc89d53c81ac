package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// LightBeat is how often a light activity says that it is alive, and so how
// soon it learns that it was cancelled; a worker's MaxHeartbeatThrottleInterval
// must be no longer.
const LightBeat = 2 * time.Second

// alive heartbeats for a light activity: a listing or a footer may take longer
// than the heartbeat timeout, and is no reason to be taken for dead. What it
// sends is no checkpoint, only something to look at, so that the SDK's own
// heartbeats do, which are buffered.
type alive[P any] struct {
	ctx  context.Context
	end  context.CancelCauseFunc
	wg   sync.WaitGroup
	mu   sync.Mutex
	last P
}

// keepAlive heartbeats until stop is called. The context that it returns ends
// when the attempt is to end; its cause says why.
func keepAlive[P any](ctx context.Context) (context.Context, *alive[P]) {
	a := &alive[P]{}
	a.ctx, a.end = context.WithCancelCause(ctx)
	shutdown := activity.GetWorkerStopChannel(ctx)
	a.wg.Go(func() {
		tick := time.NewTicker(LightBeat)
		defer tick.Stop()
		for {
			a.mu.Lock()
			last := a.last
			a.mu.Unlock()
			activity.RecordHeartbeat(ctx, last)
			select {
			case <-tick.C:
			case <-shutdown:
				a.end(errHandover)
				return
			case <-a.ctx.Done():
				return
			}
		}
	})
	return a.ctx, a
}

// progress is what the next heartbeats say.
func (a *alive[P]) progress(p P) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = p
}

// stop ends the heartbeats. It returns why the attempt had to end, or nil.
func (a *alive[P]) stop() error {
	cause := context.Cause(a.ctx)
	a.end(nil)
	a.wg.Wait()
	return cause
}
