package pipeline

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fly runs rows through a Flight in fake time: each downloads for latency, and
// decodes for decode. It returns how many were decoded a second in the second
// half, once the level is found.
func fly(t *testing.T, decoders int, latency, decode time.Duration, rows int) (perSecond float64, window int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := NewFlight(decoders)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var ends []time.Time
		for range rows {
			ticket, err := f.TakeOff(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				time.Sleep(latency)
				f.Landed(ticket)
				done, err := f.Decode(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(decode)
				done()
				mu.Lock()
				ends = append(ends, time.Now())
				mu.Unlock()
			})
		}
		wg.Wait()
		half := ends[rows/2:]
		perSecond = float64(len(half)-1) / half[len(half)-1].Sub(half[0]).Seconds()
		window = f.Window()
	})
	return perSecond, window
}

// Whatever the latency, the decoders are kept busy, and no more is in flight
// than that takes.
func TestFlightFindsItsLevel(t *testing.T) {
	for _, c := range []struct {
		name     string
		decoders int
		latency  time.Duration
		most     int // in flight
	}{
		{"a local origin", 2, time.Millisecond, 8},
		{"20 ms", 2, 20 * time.Millisecond, 16},
		{"200 ms", 2, 200 * time.Millisecond, 100},
		{"two seconds", 2, 2 * time.Second, 500},
		{"200 ms, 16 decoders", 16, 200 * time.Millisecond, 512},
	} {
		t.Run(c.name, func(t *testing.T) {
			const decode = 15 * time.Millisecond
			best := float64(c.decoders) / decode.Seconds()
			// Where a window ends hangs on the order of goroutines, by 30 %, even in
			// fake time: the middle one of some is what is found.
			windows := make([]int, 7)
			for i := range windows {
				var rate float64
				if rate, windows[i] = fly(t, c.decoders, c.latency, decode, 4000); rate < 0.95*best {
					t.Errorf("%.0f a second, and the decoders could do %.0f", rate, best)
				}
			}
			slices.Sort(windows)
			if window := windows[len(windows)/2]; window > c.most {
				t.Errorf("%d in flight, want at most %d", window, c.most)
			}
		})
	}
}

// A wait that is given up leaves its place to the next.
func TestFlightPassesOnWhatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFlight(1)
		var ticket Ticket
		for range minWindow(1) {
			var err error
			if ticket, err = f.TakeOff(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		given, giveUp := context.WithCancel(t.Context())
		go func() { _, _ = f.TakeOff(given) }()
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			_, err := f.TakeOff(t.Context())
			second <- err
		}()
		synctest.Wait()
		giveUp()
		f.Lost(ticket)
		if err := <-second; err != nil {
			t.Error(err)
		}
	})
}

// Downloads that hang fill no window: those of other hosts go on.
func TestFlightGoesOnBesideDownloadsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const decoders, hanging, rows, decode = 2, 80, 2000, 15 * time.Millisecond
		f := NewFlight(decoders)
		begun := time.Now()
		for range hanging {
			if _, err := f.TakeOff(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begun); waited > 4*time.Second {
			t.Errorf("%d downloads that hang held up the rest for %v", hanging, waited)
		}
		begun = time.Now()
		var wg sync.WaitGroup
		for range rows {
			ticket, err := f.TakeOff(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				time.Sleep(10 * time.Millisecond)
				f.Landed(ticket)
				if done, err := f.Decode(t.Context()); err == nil {
					time.Sleep(decode)
					done()
				}
			})
		}
		wg.Wait()
		best := rows / decoders * decode
		if took := time.Since(begun); took > best*11/10 {
			t.Errorf("%d rows took %v beside them, and %v alone", rows, took, best)
		}
	})
}
