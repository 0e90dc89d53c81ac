package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/pipeline"
)

var errKilled = errors.New("the process was killed")

// mortal is an imager in a process that some images kill: from then on nothing
// that the process does has an effect.
type mortal struct {
	mirror
	kill     context.CancelCauseFunc
	dead     atomic.Bool
	decoding atomic.Int32
	crowded  atomic.Bool // an image was decoded beside another one
}

func (m *mortal) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	if m.decoding.Add(1) > 1 {
		m.crowded.Store(true)
	}
	defer m.decoding.Add(-1)
	if bytes.HasPrefix(src, []byte("kill")) || m.dead.Load() {
		m.die()
		<-ctx.Done()
		return pipeline.Rendition{}, errKilled
	}
	return m.mirror.Render(ctx, src, h, t)
}

func (m *mortal) die() {
	m.dead.Store(true)
	m.kill(errKilled)
}

// lives are the attempts of one process at partitions, until it is killed.
type lives struct {
	*world
	durable map[string]pipeline.Checkpoint // by partition, as the server holds them
	mu      sync.Mutex
	commits int
	killAt  int // the commit after which the process dies, -1 for none
}

type mortalJournal struct {
	l *lives
	m *mortal
	p pipeline.Partition
}

func (j mortalJournal) Commit(_ context.Context, c pipeline.Checkpoint) error {
	j.l.mu.Lock()
	defer j.l.mu.Unlock()
	if j.m.dead.Load() {
		return errKilled
	}
	if err := c.Check(j.p); err != nil {
		j.l.t.Error(err)
	}
	j.l.durable[j.p.Name] = c
	if j.l.commits++; j.l.commits == j.l.killAt {
		j.m.die()
		return errKilled
	}
	return nil
}

// live runs all partitions that are not done in one process, which may die.
func (l *lives) live(ps []pipeline.Partition) (done bool) {
	ctx, kill := context.WithCancelCause(l.t.Context())
	defer kill(nil)
	m := &mortal{kill: kill}
	engine := pipeline.NewEngine(l.fetcher, m, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
	var wg sync.WaitGroup
	for _, p := range ps {
		l.mu.Lock()
		from, begun := l.durable[p.Name]
		l.mu.Unlock()
		if !begun {
			from = pipeline.Begin(p)
		}
		if from.Done(p) {
			continue
		}
		wg.Go(func() {
			if _, err := engine.Process(ctx, l.job(p, from, mortalJournal{l, m, p})); err != nil && !m.dead.Load() {
				l.t.Error(err)
			}
		})
	}
	wg.Wait()
	return !m.dead.Load()
}

// until lives until all is done, and publishes it. It returns how many processes
// died.
func (l *lives) until(ps []pipeline.Partition, most int) (deaths int) {
	l.t.Helper()
	for ; !l.live(ps); deaths++ {
		if deaths > most {
			l.t.Fatalf("%d processes died", deaths)
		}
	}
	for _, p := range ps {
		if _, err := l.output.Publish(l.t.Context(), p, l.durable[p.Name]); err != nil {
			l.t.Fatal(err)
		}
	}
	return deaths
}

func newLives(t *testing.T, rows int, perPartition int64, killers ...int) (*lives, []pipeline.Partition) {
	t.Helper()
	l := &lives{world: newWorld(t), durable: map[string]pipeline.Checkpoint{}}
	l.sources("a.parquet", rows, func(i int) string {
		for _, k := range killers {
			if i == k {
				return fmt.Sprintf("kill:%d", i)
			}
		}
		return fmt.Sprintf("ok:%d", i)
	})
	_, ps := l.mustPlan("1", perPartition)
	return l, ps
}

// check holds all rows to be ok, but for the killers.
func (l *lives) check(ps []pipeline.Partition, rows int, killers ...int) {
	l.t.Helper()
	seen := map[int64]pipeline.Outcome{}
	for _, p := range ps {
		for _, o := range l.outcomes(p) {
			seen[o.Row] = o
		}
	}
	if len(seen) != rows {
		l.t.Errorf("%d rows, want %d", len(seen), rows)
	}
	for _, k := range killers {
		if o := seen[int64(k)]; o.Class != pipeline.Quarantined || o.Message == "" {
			l.t.Errorf("row %d is %q: %s", k, o.Class, o.Message)
		}
		delete(seen, int64(k))
	}
	for row, o := range seen {
		if o.Status != pipeline.OK {
			l.t.Errorf("row %d is %s: %s", row, o.Class, o.Message)
		}
	}
}

// An image that kills the process costs its row, after three deaths: one in
// company, two alone.
func TestKillersAreQuarantined(t *testing.T) {
	for _, c := range []struct {
		name         string
		rows         int
		perPartition int64
		killers      []int
		most         int // deaths
	}{
		{"the first row", 300, 1000, []int{0}, 3},
		{"the last row", 300, 1000, []int{299}, 3},
		{"two beside each other", 300, 1000, []int{150, 151}, 5},
		// The second one may be further ahead of the last checkpoint than the rows
		// that are decoded alone: then it takes one more.
		{"far from each other", 3000, 5000, []int{10, 2900}, 7},
		{"in one of two partitions", 600, 300, []int{400}, 3},
		{"in two partitions", 600, 300, []int{30, 330}, 5},
		{"all rows", 12, 1000, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, ps := newLives(t, c.rows, c.perPartition, c.killers...)
			deaths := l.until(ps, 40)
			l.check(ps, c.rows, c.killers...)
			if least := 2*len(c.killers) + 1; deaths < least || deaths > c.most {
				t.Errorf("%d processes died, want %d to %d", deaths, least, c.most)
			}
		})
	}
}

// Two kills, after whichever two commits, quarantine nothing.
func TestOrdinaryKillsQuarantineNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		l, ps := newLives(t, 400, 200)
		l.killAt = 1 + r.IntN(4)
		first := l.live(ps)
		l.commits, l.killAt = 0, 1+r.IntN(200)
		if l.live(ps) && first {
			t.Error("nothing was killed")
		}
		l.killAt = -1
		l.until(ps, 0)
		l.check(ps, 400)
	}
}

// A suspicious attempt decodes nothing beside a row that it has named.
func TestSuspectsAreDecodedAlone(t *testing.T) {
	l, ps := newLives(t, 400, 200)
	l.killAt = -1
	// As a process leaves it that dies once both partitions have begun.
	for _, p := range ps {
		c := pipeline.Begin(p)
		c.Seq, c.Open = 1, true
		l.durable[p.Name] = c
	}
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	m := &mortal{kill: kill}
	engine := pipeline.NewEngine(l.fetcher, m, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
	before := l.commits
	var wg sync.WaitGroup
	begin := maps.Clone(l.durable) // the attempts below write theirs beside each other
	for _, p := range ps {
		wg.Go(func() {
			from, ok := begin[p.Name]
			if !ok || !from.Open {
				t.Errorf("the checkpoint of a process that died is %+v", from)
			}
			if _, err := engine.Process(ctx, l.job(p, from, mortalJournal{l, m, p})); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m.crowded.Load() {
		t.Error("a suspect was decoded beside another image")
	}
	if named := l.commits - before; named < 2*400 {
		t.Errorf("%d commits for 400 suspects: each is named, and then no more", named)
	}
	for _, p := range ps {
		if c := l.durable[p.Name]; c.Open || c.Alone != nil {
			t.Errorf("a pass that ended in order leaves %+v", c)
		}
	}
}

// isolated is an imager whose images are rendered elsewhere.
type isolated struct{ mirror }

func (isolated) Isolated() {}

// With decodes in other processes there is nothing to suspect, whatever a
// checkpoint from a worker without says.
func TestIsolatedDecodesAccuseNobody(t *testing.T) {
	w := newWorld(t)
	w.engine = pipeline.NewEngine(w.fetcher, isolated{}, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
	w.sources("a.parquet", 100, func(i int) string { return fmt.Sprintf("ok:%d", i) })
	_, ps := w.mustPlan("1", 1000)
	row := int64(7)
	from := pipeline.Begin(ps[0])
	from.Open, from.Alone, from.Deaths = true, &row, []pipeline.Death{{Row: 7, N: 5}}
	j := &journal{}
	c, err := w.engine.Process(t.Context(), w.job(ps[0], from, j))
	if err != nil || c.Counts.OK != 100 || c.Open || len(j.accepted) != 1 {
		t.Errorf("%d commits, %+v, %v", len(j.accepted), c, err)
	}
}

// A fault of the store while a row is decoded alone is no death.
func TestFaultsAccuseNobody(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 200, func(i int) string { return fmt.Sprintf("ok:%d", i) })
	_, ps := w.mustPlan("1", 1000)
	from := pipeline.Begin(ps[0])
	from.Open = true // every row is a suspect
	for range 5 {
		j := &journal{}
		w.faults.arm(only(20, refused))
		_, err := w.engine.Process(t.Context(), w.job(ps[0], from, j))
		if !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		if last := j.last(); last.Open || last.Alone != nil || len(last.Deaths) > 0 {
			t.Errorf("after a fault: %+v", last)
		}
		from = j.last()
		from.Open = true
	}
}
