package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// lost is the most of a worker's work that a kill costs: what it did since the
// checkpoint, which is 2 s old at most, and the time that taking one takes.
const lost = 3 * time.Second

// Kills at random moments: what each costs is what the worker began in its last
// three seconds. When work goes on is logged, and not held to a limit: it is the
// heartbeat timeout, and what the machine takes to start a worker.
func TestAKillCostsThreeSeconds(t *testing.T) {
	r := newRig(t)
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
	for i, killed := range at {
		again, oldest, next := 0, time.Duration(0), time.Duration(0)
		for _, times := range r.origin.times {
			for k, asked := range times {
				// The first one after the kill.
				if after := asked.Sub(killed); after > 0 && (next == 0 || after < next) {
					next = after
				}
				if k+1 < len(times) && asked.Before(killed) && times[k+1].After(killed) {
					again++
					oldest = max(oldest, killed.Sub(asked))
				}
			}
		}
		t.Logf("kill %d: %d rows done again, the oldest of %s before it; work went on after %s", i+1, again, oldest.Round(time.Millisecond), next.Round(time.Millisecond))
		if oldest > lost {
			t.Errorf("kill %d cost what was begun %s before it", i+1, oldest)
		}
	}
}
