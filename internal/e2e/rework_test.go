package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// lost is the most of a worker's work that a kill costs: what it did since the
// checkpoint, which is 2 s old at most, and the time that taking one takes.
const lost = 3 * time.Second

// Kills at random moments: what each costs is what the worker began in its last
// three seconds.
func TestAKillCostsThreeSeconds(t *testing.T) {
	scenario(t)
	r := newQuietRig(t)
	r.origin.delay = 10 * time.Millisecond
	const rows, kills = 3000, 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	w := r.worker()
	wait := r.start(in, out)
	var at []time.Time
	for range kills {
		// Each life does an eighth of the rows at most, and what is in flight.
		<-r.origin.when(50 + random.IntN(rows/8))
		// Not only when a row has just come.
		<-time.After(time.Duration(random.IntN(int(200 * time.Millisecond))))
		at = append(at, time.Now())
		kill(w)
		w = r.worker()
	}
	if res := wait(); res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
	r.origin.mu.Lock()
	defer r.origin.mu.Unlock()
	costs := make([]struct {
		again  int
		oldest time.Duration
	}, kills)
	// A row is lost to the kill that ended the life in which it was asked for. The
	// next life may be too short to come to it again: that is no later kill's doing.
	for _, times := range r.origin.times {
		for k, asked := range times {
			i := slices.IndexFunc(at, asked.Before)
			if i >= 0 && k+1 < len(times) && times[k+1].After(at[i]) {
				costs[i].again++
				costs[i].oldest = max(costs[i].oldest, at[i].Sub(asked))
			}
		}
	}
	for i, cost := range costs {
		t.Logf("kill %d: %d rows done again, the oldest of %s before it", i+1, cost.again, cost.oldest.Round(time.Millisecond))
		if cost.oldest > lost {
			t.Errorf("kill %d cost what was begun %s before it", i+1, cost.oldest)
		}
	}
}
