package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatFitsInNoPoolIsRefusedAtOnce(t *testing.T) {
	a := NewAdmission(100, 40, 50)
	ctx := t.Context()
	if _, err := a.AdmitDecode(ctx, 51); !isClass(err, OverBudget) {
		t.Errorf("a decode of 51 in a pool of 50: %v", err)
	}
	g, err := a.AdmitFetch(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Grow(ctx, 41); !isClass(err, OverBudget) {
		t.Errorf("a fetch of 41 with a reserve of 40: %v", err)
	}
	g.Release()
	g.Release()
	if e, d := a.Stats(); e.Held != 0 || d.Held != 0 {
		t.Errorf("%d and %d are still held", e, d)
	}
}

// Fetches that all turn out larger than the pool go on one after another.
func TestGrowingFetchesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(109, 40, 50) // a pool of 61, the spare and the reserve
		var done atomic.Int32
		var grants []*Grant
		for range 6 {
			g, err := a.AdmitFetch(t.Context(), 10)
			if err != nil {
				t.Fatal(err)
			}
			grants = append(grants, g)
		}
		for _, g := range grants {
			go func() {
				if err := g.Grow(t.Context(), 40); err != nil {
					t.Error(err)
				}
				g.Release()
				done.Add(1)
			}()
		}
		synctest.Wait()
		if done.Load() != 6 {
			t.Errorf("%d of 6 went on", done.Load())
		}
	})
}

// Whoever holds the pool and the reserve and does not go on: a fetch that stays
// little can grow.
func TestLittleFetchesGrowBesideLargeOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(100*mib, 40*mib, 0)
		mine := mustAdmit(t, a, mib)
		large := mustAdmit(t, a, mib)
		_ = mustAdmit(t, a, a.encoded.size-2*mib)
		if err := large.Grow(t.Context(), 40*mib); err != nil {
			t.Fatal(err)
		}
		within, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := mine.Grow(within, 2*mib); err != nil {
			t.Error(err)
		}
	})
}

// Large fetches together leave a quarter of the pool to others.
func TestLargeFetchesLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(100*mib, 40*mib, 0)
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			g := mustAdmit(t, a, mib)
			go func() {
				_ = g.Grow(ctx, 8*mib) // some have to wait until the end
				<-ctx.Done()
				g.Release()
			}()
		}
		synctest.Wait()
		within, done := context.WithTimeout(ctx, time.Second)
		defer done()
		for range 4 {
			g, err := a.AdmitFetch(within, mib)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Release()
		}
		cancel()
		synctest.Wait()
		if e, _ := a.Stats(); e.Held != 4*mib || a.large.stats().Held != 0 {
			t.Errorf("%d and %d bytes are still held", e.Held, a.large.stats().Held)
		}
	})
}

// What is given back goes to a fetch that has begun before one that has not, and
// to one that could not have had the reserve.
func TestFetchesThatHaveBegunGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(100*mib, 40*mib, 0)
		mine := mustAdmit(t, a, mib)
		spared := mustAdmit(t, a, mib)
		other := mustAdmit(t, a, 3*mib)
		_ = mustAdmit(t, a, a.encoded.size-5*mib)
		admitted := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, err := a.AdmitFetch(ctx, 3*mib); admitted <- err }()
		synctest.Wait()
		if err := spared.Grow(ctx, 2*mib); err != nil {
			t.Fatal(err)
		}
		grown := make(chan error, 1)
		go func() { grown <- mine.Grow(ctx, 2*mib) }()
		synctest.Wait()
		other.Shrink(2 * mib)
		synctest.Wait()
		cancel()
		if err := <-grown; err != nil {
			t.Error(err)
		}
		if err := <-admitted; err == nil {
			t.Error("the one that had not begun went first")
		}
	})
}

func mustAdmit(t *testing.T, a *Admission, n int64) *Grant {
	t.Helper()
	g, err := a.AdmitFetch(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// At every moment the grants are within the pools, whatever is asked for.
func TestGrantsStayWithinThePools(t *testing.T) {
	const encoded, reserve = 1000, 300
	a := NewAdmission(encoded, reserve, 100)
	var held, most atomic.Int64
	hold := func(n int64) {
		h := held.Add(n)
		for m := most.Load(); h > m && !most.CompareAndSwap(m, h); m = most.Load() {
		}
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 500 {
				g, err := a.AdmitFetch(t.Context(), 1+random.Int64N(100))
				if err != nil {
					t.Error(err)
					return
				}
				have := g.Bytes()
				hold(have)
				if grow := random.Int64N(reserve + 1); g.Grow(t.Context(), grow) == nil && grow > have {
					hold(grow - have)
					have = grow
				}
				if less := random.Int64N(have + 1); less < have {
					hold(less - have)
					have = less
					g.Shrink(less)
				}
				hold(-have)
				g.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > encoded {
		t.Errorf("%d bytes were held at once, of %d", most.Load(), encoded)
	}
	if e, _ := a.Stats(); e.Held != 0 {
		t.Errorf("%d bytes are still held", e)
	}
}

func TestAdmissionEndsWithItsContext(t *testing.T) {
	a := NewAdmission(100, 50, 50)
	g, _ := a.AdmitFetch(t.Context(), 50)
	defer g.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.AdmitFetch(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a full pool: %v", err)
	}
}

func isClass(err error, c Class) bool {
	re, ok := AsRowError(err)
	return ok && re.Class == c
}
