package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
		a := NewAdmission(100, 40, 50) // a pool of 60 and the reserve
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
