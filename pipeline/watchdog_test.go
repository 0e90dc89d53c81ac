package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pipeline"
)

// hang is a place that does not come back with the source ok:17: as long as its
// context lives, or, if it is deaf, until it is released.
type hang struct {
	at   string
	deaf bool
	over chan struct{}
}

func (h *hang) here(ctx context.Context, at string) error {
	if at != h.at {
		return nil
	}
	over := ctx.Done()
	if h.deaf {
		over = h.over
	}
	<-over
	return context.Cause(ctx)
}

func (h *hang) row(ctx context.Context, at string, source []byte) error {
	if string(source) != "ok:17" {
		return nil
	}
	return h.here(ctx, at)
}

// world is w with the hang in it.
func (h *hang) world(w *world) {
	w.output.Store = hangingStore{w.output.Store, h}
	w.output.Tables = hangingTables{w.output.Tables, h}
	w.engine = pipeline.NewEngine(hangingFetcher{w.fetcher, h}, hangingImager{mirror{}, h}, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
}

type hangingFetcher struct {
	*counter
	*hang
}

func (f hangingFetcher) Fetch(ctx context.Context, s pipeline.Store, source string, grant *pipeline.Grant) (pipeline.Body, error) {
	if err := f.row(ctx, "fetch", []byte(source)); err != nil {
		return pipeline.Body{}, err
	}
	return f.counter.Fetch(ctx, s, source, grant)
}

type hangingImager struct {
	mirror
	*hang
}

func (i hangingImager) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	if err := i.row(ctx, "decode", src); err != nil {
		return pipeline.Rendition{}, err
	}
	return i.mirror.Render(ctx, src, h, t)
}

type hangingStore struct {
	pipeline.Store
	*hang
}

func (s hangingStore) Write(ctx context.Context, key string, body []byte, opts *pipeline.WriteOptions) error {
	if err := s.row(ctx, "store", body); err != nil {
		return err
	}
	if strings.Contains(key, "/part-") {
		if err := s.here(ctx, "part write"); err != nil {
			return err
		}
	}
	return s.Store.Write(ctx, key, body, opts)
}

type hangingTables struct {
	pipeline.Tables
	*hang
}

func (t hangingTables) Open(ctx context.Context, dataset pipeline.Store, p pipeline.Partition, spec pipeline.Spec) (pipeline.Table, error) {
	if err := t.here(ctx, "table open"); err != nil {
		return nil, err
	}
	table, err := t.Tables.Open(ctx, dataset, p, spec)
	return hangingTable{table, t.hang}, err
}

type hangingTable struct {
	pipeline.Table
	*hang
}

func (t hangingTable) Rows(ctx context.Context, want pipeline.Runs) iter.Seq2[pipeline.Row, error] {
	return func(yield func(pipeline.Row, error) bool) {
		for r, err := range t.Table.Rows(ctx, want) {
			if r.Source != nil {
				if err := t.row(ctx, "table read", []byte(*r.Source)); err != nil {
					yield(r, err)
					return
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

type hangingJournal struct {
	*journal
	*hang
}

func (j hangingJournal) Commit(ctx context.Context, c pipeline.Checkpoint) error {
	if err := j.here(ctx, "journal commit"); err != nil {
		return err
	}
	return j.journal.Commit(ctx, c)
}

// Whatever hangs is named, the rest of the pass is kept, and a successor does
// what is left. Where the hang obeys its context, Process ends soon.
func TestWhatHangsIsNamed(t *testing.T) {
	const rows = 60
	for _, c := range []struct {
		at, who string
		like    int   // so many rows after row 17 have its source
		kept    int64 // rows
	}{
		{"fetch", "row 17", 0, rows - 1},
		{"decode", "row 17", 0, rows - 1},
		{"store", "row 17", 3, rows - 4},
		{"table read", "the reader", 0, 17},
		{"table open", "the partition", 0, 0},
		{"part write", "the recorder", 0, 0},
		{"journal commit", "the recorder", 0, 0},
	} {
		for _, deaf := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, deaf=%v", c.at, deaf), func(t *testing.T) {
				w := newWorld(t)
				w.sources("a.parquet", rows, func(i int) string {
					if i > 17 && i <= 17+c.like {
						i = 17
					}
					return fmt.Sprintf("ok:%d", i)
				})
				_, ps := w.mustPlan("1", rows)
				whole := *w
				var from pipeline.Checkpoint
				synctest.Test(t, func(t *testing.T) {
					h := &hang{at: c.at, deaf: deaf, over: make(chan struct{})}
					h.world(w)
					j := &journal{}
					job := w.job(ps[0], pipeline.Begin(ps[0]), hangingJournal{j, h})
					job.Watchdog = pipeline.StartWatchdog(0)
					defer job.Watchdog.Close()
					begun := time.Now()
					ended := make(chan error, 1)
					go func() {
						c, err := w.engine.Process(t.Context(), job)
						from = c
						ended <- err
					}()
					<-job.Watchdog.Stalled()
					if took := time.Since(begun); took < pipeline.DefaultStall || took > pipeline.DefaultStall+time.Minute {
						t.Errorf("it was noticed after %v", took)
					}
					stalled := job.Watchdog.Err()
					want := fmt.Sprintf("nothing moves: %s of a.parquet is in %s for 10m", c.who, c.at)
					if c.like > 0 {
						want += fmt.Sprintf(", with %d others", c.like)
					}
					if !strings.HasPrefix(stalled.Error(), want) || !strings.HasSuffix(stalled.Error(), "; the attempt is given up") {
						t.Errorf("%v, want %s", stalled, want)
					}
					if c.at == "fetch" && !deaf { // it is cut short, as any other
						synctest.Wait()
						if len(ended) == 0 {
							t.Error("it has not returned at once")
						}
					}
					<-time.After(20 * time.Second)
					synctest.Wait()
					if returned := len(ended) > 0; returned == deaf {
						t.Errorf("it has returned: %v", returned)
					}
					if n := len(j.accepted); c.kept > 0 && (n == 0 || j.last().Counts.OK != c.kept) {
						t.Errorf("after %d checkpoints, the journal does not hold %d rows", n, c.kept)
					}
					close(h.over)
					if err := <-ended; err.Error() != stalled.Error() {
						t.Errorf("it ended with %v", err)
					}
					if from.Counts.OK != c.kept {
						t.Errorf("it came to %+v", from)
					}
				})
				if counts := whole.finish(ps[0], from); counts.OK != rows {
					t.Errorf("the successor came to %+v", counts)
				}
				whole.verify()
			})
		}
	}
}

// What waits for a host that takes its time, or for its turn behind others that
// take theirs, does not hang.
func TestWaitingIsNoHang(t *testing.T) {
	for _, c := range []struct {
		name   string
		source string
		rows   int
		hosts  *hosts
		imager pipeline.Imager
		least  time.Duration
	}{
		{"for a host with one connection", "slow:%d", 300, newHosts(1, time.Minute), mirror{}, 5 * time.Hour},
		{"for a host that is to be asked later, then for a decoder", "later:%d", 100, newHosts(1, time.Hour), patient{took: time.Minute}, 3 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", c.rows, func(i int) string { return fmt.Sprintf(c.source, i) })
			_, ps := w.mustPlan("1", 1000)
			synctest.Test(t, func(t *testing.T) {
				c.hosts.slots = make(chan struct{}, cap(c.hosts.slots)) // of this bubble
				w.engine = pipeline.NewEngine(c.hosts, c.imager, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 1)
				begun := time.Now()
				end, err := w.engine.Process(t.Context(), w.job(ps[0], pipeline.Begin(ps[0]), &journal{}))
				if err != nil || end.Counts.OK != int64(c.rows) {
					t.Errorf("%+v, %v", end, err)
				}
				if took := time.Since(begun); took < c.least {
					t.Errorf("it took %v, and nobody waited", took)
				}
			})
		})
	}
}

// patient is an imager that takes its time.
type patient struct {
	mirror
	took time.Duration
}

func (p patient) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	<-time.After(p.took)
	return p.mirror.Render(ctx, src, h, t)
}

// A fetch that waits for the reserve, behind others that are slow, does not hang.
func TestWaitingForMemoryIsNoHang(t *testing.T) {
	w := newWorld(t)
	const rows = 12
	w.sources("a.parquet", rows, func(i int) string { return fmt.Sprintf("ok:%d", i) })
	_, ps := w.mustPlan("1", 1000)
	synctest.Test(t, func(t *testing.T) {
		w.engine = pipeline.NewEngine(hoarder{}, mirror{}, pipeline.NewAdmission(16<<20, 8<<20, 64<<20), 4)
		end, err := w.engine.Process(t.Context(), w.job(ps[0], pipeline.Begin(ps[0]), &journal{}))
		if err != nil || end.Counts.OK != rows {
			t.Errorf("%+v, %v", end, err)
		}
	})
}

// hoarder is a fetcher that needs the reserve for each source, for minutes.
type hoarder struct{}

func (hoarder) Fetch(ctx context.Context, _ pipeline.Store, source string, grant *pipeline.Grant) (pipeline.Body, error) {
	if err := grant.Grow(ctx, 8<<20); err != nil {
		return pipeline.Body{}, err
	}
	<-time.After(3 * time.Minute)
	grant.Shrink(int64(len(source)))
	return pipeline.Body{Bytes: []byte(source), HTTPStatus: 200, Free: func() {}}, nil
}

// What has been at a stage for long is told of, before it counts as hanging.
func TestTheSlowestIsTold(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 20, func(i int) string { return fmt.Sprintf("ok:%d", i) })
	_, ps := w.mustPlan("1", 1000)
	synctest.Test(t, func(t *testing.T) {
		h := &hang{at: "fetch"}
		h.world(w)
		ctx, cancel := context.WithCancel(t.Context())
		job := w.job(ps[0], pipeline.Begin(ps[0]), &journal{})
		job.Watchdog = pipeline.StartWatchdog(0)
		defer job.Watchdog.Close()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = w.engine.Process(ctx, job) // it is cancelled
		}()
		begun := time.Now()
		for _, c := range []struct {
			after time.Duration
			want  string
		}{{20 * time.Second, ""}, {48 * time.Second, "row 17 in fetch for 48s"}} {
			<-time.After(time.Until(begun.Add(c.after)))
			if got := job.Watchdog.Slowest(); got != c.want {
				t.Errorf("after %v: %q, want %q", c.after, got, c.want)
			}
		}
		cancel()
		<-ended
	})
}
