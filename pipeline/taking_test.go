package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pipeline"
)

// hosts is a fetcher whose sources are "host:N". The host "slow" has so many
// connections and takes latency for each; others answer after 10 ms, without
// any limit.
type hosts struct {
	slots   chan struct{}
	latency time.Duration
	mu      sync.Mutex
	last    map[string]time.Time // when the last of a host ended
}

func newHosts(slots int, latency time.Duration) *hosts {
	return &hosts{slots: make(chan struct{}, slots), latency: latency, last: map[string]time.Time{}}
}

func (h *hosts) Fetch(context.Context, pipeline.Store, string, *pipeline.Grant) (pipeline.Body, error) {
	panic("a visitor's Fetch is not called")
}

func (h *hosts) Visit(_ pipeline.Store, source string, _ pipeline.Share) pipeline.Visit {
	host, _, _ := strings.Cut(source, ":")
	return &hostVisit{h: h, host: host, source: source}
}

type hostVisit struct {
	h            *hosts
	host, source string
	held         bool
	tries        int
}

func (v *hostVisit) Ready() (bool, error) {
	switch v.host {
	case "closed":
		return false, &pipeline.RowError{Class: pipeline.RateLimited, Message: "not now", RetryAfter: time.Minute}
	case "slow":
		select {
		case v.h.slots <- struct{}{}:
			v.held = true
		default:
			return false, nil
		}
	}
	return true, nil
}

func (v *hostVisit) Wait(ctx context.Context) error {
	if v.host == "later" {
		select {
		case <-time.After(v.h.latency):
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	}
	select {
	case v.h.slots <- struct{}{}:
		v.held = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *hostVisit) Fetch(ctx context.Context, grant *pipeline.Grant) (pipeline.Body, error) {
	defer v.Close()
	v.tries++
	wait := 10 * time.Millisecond
	switch v.host {
	case "slow":
		wait = v.h.latency
	case "later":
		if v.tries < 3 {
			return pipeline.Body{}, pipeline.ErrLater
		}
	case "down":
		return pipeline.Body{}, pipeline.Fail(pipeline.HTTP5xx, "down")
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return pipeline.Body{}, ctx.Err()
	}
	v.h.mu.Lock()
	v.h.last[v.host] = time.Now()
	v.h.mu.Unlock()
	grant.Shrink(int64(len(v.source)))
	return pipeline.Body{Bytes: []byte(v.source), HTTPStatus: 200, Free: func() {}}, nil
}

func (v *hostVisit) Close() {
	if v.held {
		<-v.h.slots
		v.held = false
	}
}

func (v *hostVisit) Trace() pipeline.Trace {
	return pipeline.Trace{Tries: v.tries, FinalURL: map[bool]string{true: "http://elsewhere/"}[v.host == "later"]}
}

// A slow host delays its own rows alone, also when they are more than wait in
// the lot, and every row of both ends.
func TestASlowHostHoldsUpNoOther(t *testing.T) {
	for _, c := range []struct {
		name  string
		every int // which rows are the slow host's
	}{{"one row in ten", 10}, {"every other row", 2}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			const rows = 4000
			w.sources("a.parquet", rows, func(i int) string {
				if i%c.every == 0 {
					return fmt.Sprintf("slow:%d", i)
				}
				return fmt.Sprintf("fast:%d", i)
			})
			_, ps := w.mustPlan("1", rows)
			synctest.Test(t, func(t *testing.T) {
				h := newHosts(8, 2*time.Second)
				w.engine = pipeline.NewEngine(h, mirror{}, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
				begun := time.Now()
				end, err := w.engine.Process(t.Context(), w.job(ps[0], pipeline.Begin(ps[0]), &journal{}))
				if err != nil || end.Counts.OK != rows {
					t.Errorf("%+v, %v", end, err)
				}
				slow := time.Duration(rows/c.every/8) * 2 * time.Second
				t.Logf("the fast host was done after %v, the slow one after %v", h.last["fast"].Sub(begun), h.last["slow"].Sub(begun))
				if took := h.last["fast"].Sub(begun); took > slow/8 {
					t.Errorf("the fast host's rows took %v, and the slow one's %v", took, slow)
				}
				if took := h.last["slow"].Sub(begun); took > slow*11/10 {
					t.Errorf("the slow host's rows took %v, and its connections allow %v", took, slow)
				}
			})
		})
	}
}

// What a row took is known over all passes: a source that was put off has no
// attempts, one that was asked again has several.
func TestAttemptsCountWhatWasAsked(t *testing.T) {
	w := newWorld(t)
	kinds := []string{"fast", "later", "down", "closed"}
	w.sources("a.parquet", 40, func(i int) string { return fmt.Sprintf("%s:%d", kinds[i%4], i) })
	_, ps := w.mustPlan("1", 1000)
	var c pipeline.Checkpoint
	synctest.Test(t, func(t *testing.T) {
		w.engine = pipeline.NewEngine(newHosts(8, time.Second), mirror{}, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
		job := w.job(ps[0], pipeline.Begin(ps[0]), &journal{})
		job.LastPass = false
		var err error
		if c, err = w.engine.Process(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if c.RetryAfter != time.Minute || c.Holes.Count() != 20 || c.Tried[1].Count() != 10 {
			t.Errorf("after the first pass: %+v", c)
		}
		c.Pass = 2
		if c, err = w.engine.Process(t.Context(), w.job(ps[0], c, &journal{})); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := w.output.Publish(t.Context(), ps[0], c); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"fast": 1, "later": 3, "down": 2, "closed": 0}
	for _, o := range w.outcomes(ps[0]) {
		kind, _, _ := strings.Cut(*o.Source, ":")
		if o.Attempts != want[kind] {
			t.Errorf("%s: %d attempts, want %d", *o.Source, o.Attempts, want[kind])
		}
		if (o.FinalURL != "") != (kind == "later") {
			t.Errorf("%s: the final URL is %q", *o.Source, o.FinalURL)
		}
	}
}
