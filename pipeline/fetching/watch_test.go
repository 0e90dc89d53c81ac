package fetching

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pipeline"
)

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestTheFloorLooksAtEachWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, w := watched(t.Context(), Timeouts{Total: time.Hour, Floor: 100, FloorWindow: 10 * time.Second}, time.Hour)
		defer w.stop()
		w.bodyBegins()
		for range 5 {
			pass(9 * time.Second)
			w.came(1000)
			pass(time.Second)
		}
		// However long it waits for memory, and whatever came before.
		if err := w.during(func() error { pass(2 * time.Hour); return nil }); err != nil {
			t.Error(err)
		}
		pass(9 * time.Second)
		if ctx.Err() != nil {
			t.Fatalf("ended: %v", ctx.Err())
		}
		pass(2 * time.Second)
		synctest.Wait()
		wantClass(t, orCause(ctx, errors.New("cut")), pipeline.TooSlow)
	})
}

func TestTheTotalLeavesOutTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, w := watched(t.Context(), Timeouts{Total: time.Minute, Floor: 1, FloorWindow: time.Hour}, time.Minute)
		defer w.stop()
		pass(40 * time.Second)
		_ = w.during(func() error { pass(time.Hour); return nil })
		pass(19 * time.Second)
		if ctx.Err() != nil {
			t.Fatalf("ended: %v", ctx.Err())
		}
		pass(2 * time.Second)
		synctest.Wait()
		wantClass(t, orCause(ctx, errors.New("cut")), pipeline.Timeout)
	})
}
