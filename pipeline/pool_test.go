package pipeline

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Whatever is asked for, given back and given up: no more than the size is
// held, whoever waits is granted in turn, and one waits only while the oldest
// request does not fit.
func TestPoolGrantsInTurnWhatFits(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			p := newPool(100)
			type client struct {
				n      int64
				cancel context.CancelFunc
			}
			var mu sync.Mutex
			var asked, granted []int // numbers of clients, in order
			var held int64
			clients := map[int]client{}
			for i := range 200 {
				switch {
				case r.IntN(2) == 0:
					n := 1 + r.Int64N(60)
					ctx, cancel := context.WithCancel(t.Context())
					clients[i] = client{n, cancel}
					asked = append(asked, i)
					go func() {
						if p.acquire(ctx, n) == nil {
							mu.Lock()
							granted, held = append(granted, i), held+n
							mu.Unlock()
						}
					}()
				case len(asked) > 0 && r.IntN(4) == 0: // one gives up
					k := r.IntN(len(asked))
					c := asked[k]
					clients[c].cancel()
					asked = slices.Delete(asked, k, k+1)
				case len(granted) > 0: // one gives back
					k := r.IntN(len(granted))
					n := clients[granted[k]].n
					mu.Lock()
					granted, held = slices.Delete(granted, k, k+1), held-n
					mu.Unlock()
					p.release(n)
				}
				synctest.Wait()
				asked = slices.DeleteFunc(asked, func(c int) bool { return slices.Contains(granted, c) })
				s := p.stats()
				if s.Held != held || s.Held > s.Size || s.Waiting != len(asked) {
					t.Fatalf("seed %d: %+v, and %d are held, %v wait", seed, s, held, asked)
				}
				if len(asked) > 0 && (s.Oldest != clients[asked[0]].n || s.Held+s.Oldest <= s.Size) {
					t.Fatalf("seed %d: %+v, while %d wait and the oldest is for %d", seed, s, len(asked), clients[asked[0]].n)
				}
			}
			for _, c := range clients {
				c.cancel()
			}
		})
	}
}
