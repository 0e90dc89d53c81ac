package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

// world is a dataset and an output, with the real tables and stores, and a
// fetcher and an imager that cost nothing and count what they are asked. Its
// faults are those of both stores.
type world struct {
	t       *testing.T
	faults  *faults
	dataset pipeline.Store
	out     *faulty
	output  pipeline.Output
	engine  *pipeline.Engine
	fetcher *counter
	spec    pipeline.Spec
}

var worlds atomic.Int64

// newWorld is a world in memory.
func newWorld(t *testing.T) *world {
	t.Helper()
	n := worlds.Add(1)
	return newWorldAt(t, fmt.Sprintf("mem://data-%d", n), fmt.Sprintf("mem://out-%d", n))
}

// newWorldAt is a world at the URLs of a dataset and of an output.
func newWorldAt(t *testing.T, data, out string) *world {
	t.Helper()
	f := &faults{}
	open := func(url string) *faulty {
		s, err := storing.Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return &faulty{Store: s, faults: f}
	}
	w := &world{t: t, faults: f, dataset: open(data), out: open(out), fetcher: &counter{fetched: map[string]int{}}}
	w.output = pipeline.Output{Dataset: w.dataset, Store: w.out, Tables: tables.New()}
	w.engine = pipeline.NewEngine(w.fetcher, mirror{}, pipeline.NewAdmission(64<<20, 1<<20, 64<<20), 4)
	w.spec = pipeline.Spec{Input: w.dataset.URL(), Column: "path", Target: pipeline.Target{Width: 8, Height: 8, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80}}
	return w
}

// record is a row of the test datasets.
type record struct {
	Path *string `parquet:"path,optional"`
	ID   int64   `parquet:"id"`
}

// sources writes a file whose row i has the source of(i); "" is a null.
func (w *world) sources(file string, rows int, of func(i int) string) {
	w.t.Helper()
	var b bytes.Buffer
	pw := parquet.NewGenericWriter[record](&b)
	for i := range rows {
		r := record{ID: int64(i)}
		if s := of(i); s != "" {
			r.Path = &s
		}
		if _, err := pw.Write([]record{r}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := pw.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.dataset.Write(w.t.Context(), file, b.Bytes(), nil); err != nil {
		w.t.Fatal(err)
	}
}

// plan plans a run and returns its partitions.
func (w *world) plan(run string, perPartition int64) (pipeline.PlanSummary, []pipeline.Partition, error) {
	req := pipeline.PlanRequest{Run: "_runs/" + run + "/", Spec: w.spec, RowsPerPartition: perPartition}
	sum, err := w.output.Plan(w.t.Context(), req, func(pipeline.PlanProgress) {})
	if err != nil {
		return sum, nil, err
	}
	ps, err := w.output.Partitions(w.t.Context(), sum.Run, 0, sum.Partitions)
	return sum, ps, err
}

func (w *world) mustPlan(run string, perPartition int64) (pipeline.PlanSummary, []pipeline.Partition) {
	w.t.Helper()
	sum, ps, err := w.plan(run, perPartition)
	if err != nil {
		w.t.Fatal(err)
	}
	return sum, ps
}

var attempts atomic.Int64

func (w *world) job(p pipeline.Partition, from pipeline.Checkpoint, j pipeline.Journal) pipeline.Job {
	return pipeline.Job{
		Partition: p, Spec: w.spec, Output: w.output, Journal: j, From: from, LastPass: true,
		Nonce: fmt.Sprintf("n%d", attempts.Add(1)),
	}
}

// finish does p from checkpoint c on, whatever it takes, and publishes it.
func (w *world) finish(p pipeline.Partition, c pipeline.Checkpoint) pipeline.Counts {
	w.t.Helper()
	c, err := w.engine.Process(w.t.Context(), w.job(p, c, &journal{}))
	if err != nil {
		w.t.Fatal(err)
	}
	counts, err := w.output.Publish(w.t.Context(), p, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return counts
}

// verify holds the output to its promises, deeply.
func (w *world) verify() pipeline.Report {
	w.t.Helper()
	r := w.findings(false)
	for _, f := range r.Findings {
		w.t.Errorf("%s: %s", f.Where, f.Problem)
	}
	return r
}

// findings are what a deep verification finds.
func (w *world) findings(repair bool) pipeline.Report {
	w.t.Helper()
	req := pipeline.VerifyRequest{Run: "_runs/verify/", Deep: true, Repair: repair}
	r, err := w.output.Verify(w.t.Context(), w.engine, req, func(pipeline.VerifyProgress) {})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// outcomes are a manifest's rows without what depends on the clock, as the
// version of a file in memory does, and with it the partition's name.
func (w *world) outcomes(p pipeline.Partition) (rows []pipeline.Outcome) {
	w.t.Helper()
	for o, err := range w.output.Tables.Scan(w.t.Context(), w.out, p.ManifestKey()) {
		if err != nil {
			w.t.Fatal(err)
		}
		o.FetchTime, o.ProcessTime, o.StoreTime, o.Size = 0, 0, 0, 0
		o.Key = strings.Replace(o.Key, p.Name, "PARTITION", 1)
		rows = append(rows, o)
	}
	return rows
}

// counter is a fetcher of sources such as "ok:1", "404:2", "500:3", "large:4",
// which is 6 MB, and "hang:5", which lasts until it is cut short.
type counter struct {
	mu      sync.Mutex
	fetched map[string]int
	healed  atomic.Bool // 500s are well now
}

func (f *counter) Fetch(ctx context.Context, _ pipeline.Store, source string, grant *pipeline.Grant) (pipeline.Body, error) {
	f.mu.Lock()
	f.fetched[source]++
	f.mu.Unlock()
	kind, _, _ := strings.Cut(source, ":")
	switch {
	case kind == "hang":
		<-ctx.Done()
		return pipeline.Body{}, ctx.Err()
	case kind == "404":
		return pipeline.Body{}, &pipeline.RowError{Class: pipeline.HTTP4xx, Message: "404 Not Found", HTTPStatus: 404}
	case kind == "500" && !f.healed.Load():
		return pipeline.Body{}, &pipeline.RowError{Class: pipeline.HTTP5xx, Message: "500 Internal Server Error", HTTPStatus: 500}
	}
	body := []byte(source)
	if kind == "large" {
		body = bytes.Repeat(body, (6<<20)/len(body))
	}
	grant.Shrink(int64(len(body)))
	return pipeline.Body{Bytes: body, HTTPStatus: 200, Free: func() {}}, nil
}

func (f *counter) requests() (all, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.fetched {
		all += n
		most = max(most, n)
	}
	return all, most
}

// mirror is an imager whose images are their sources.
type mirror struct{}

func (mirror) Probe(src []byte) (pipeline.Header, error) {
	if bytes.HasPrefix(src, []byte("html")) {
		return pipeline.Header{}, pipeline.Fail(pipeline.Unsupported, "HTML")
	}
	return pipeline.Header{Format: "jpeg", Width: 8, Height: 8}, nil
}

func (mirror) Cost(pipeline.Header, pipeline.Target) int64 { return 1 << 20 }

func (mirror) Render(_ context.Context, src []byte, _ pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	return pipeline.Rendition{Bytes: slices.Clone(src), Width: t.Width, Height: t.Height}, nil
}

// journal accepts checkpoints, until it is told not to.
type journal struct {
	mu       sync.Mutex
	accepted []pipeline.Checkpoint
	refuse   func(n int) error // of the n-th commit, from 0
}

func (j *journal) Commit(_ context.Context, c pipeline.Checkpoint) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuse != nil {
		if err := j.refuse(len(j.accepted)); err != nil {
			return err
		}
	}
	j.accepted = append(j.accepted, c)
	return nil
}

func (j *journal) last() pipeline.Checkpoint { return j.accepted[len(j.accepted)-1] }
