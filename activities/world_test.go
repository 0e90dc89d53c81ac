package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"sluice/internal/devtest"
	"sluice/pipeline"
)

// memory is a pipeline.Store of what the activities need of one.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	down    error // of every call
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

func (m *memory) URL() string { return "memory:" }

func (m *memory) Write(ctx context.Context, key string, body []byte, _ *pipeline.WriteOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.down, ctx.Err()); err != nil {
		return err
	}
	m.objects[key] = body
	return nil
}

func (m *memory) Sweep(context.Context, time.Time) (int, error) { return 0, m.down }

func (m *memory) Stream(ctx context.Context, key string, fill func(io.Writer) error, opts *pipeline.WriteOptions) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	return m.Write(ctx, key, b.Bytes(), opts)
}

func (m *memory) Read(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	body, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return body, nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[pipeline.Object, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := slices.Sorted(maps.Keys(m.objects))
	return func(yield func(pipeline.Object, error) bool) {
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && !yield(pipeline.Object{Key: key}, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(context.Context, string) error { return nil }

func (m *memory) Open(context.Context, string) (pipeline.ObjectReader, error) {
	return nil, errors.ErrUnsupported
}

func (m *memory) Stat(context.Context, string) (pipeline.Object, error) {
	return pipeline.Object{}, errors.ErrUnsupported
}

// noTables has a manifest for the partitions that are published, and no more.
type noTables struct {
	pipeline.Tables
	published map[string]pipeline.Counts
}

func (n noTables) Summary(_ context.Context, _ pipeline.Store, key string) (pipeline.ManifestSummary, error) {
	if c, ok := n.published[key]; ok {
		return pipeline.ManifestSummary{Counts: c}, nil
	}
	return pipeline.ManifestSummary{}, fs.ErrNotExist
}

// ticker is an engine that does a row in step, and commits each one.
type ticker struct {
	pipeline.Looker // none: nothing is verified here

	step time.Duration
	// commit, if any, stands before each commit: it can hold it up.
	commit func(ctx context.Context, job pipeline.Job, c pipeline.Checkpoint)

	mu   sync.Mutex
	jobs []pipeline.Job
	rows []int64 // in the order in which they were done
}

func (e *ticker) Process(ctx context.Context, job pipeline.Job) (pipeline.Checkpoint, error) {
	e.mu.Lock()
	e.jobs = append(e.jobs, job)
	e.mu.Unlock()
	c := job.From
	for c.Next < job.Partition.End() {
		select {
		case <-time.After(e.step):
		case <-job.Stop:
			return c, pipeline.ErrStopped
		case <-ctx.Done():
			return c, ctx.Err()
		}
		next := c
		next.Seq++
		next.Next++
		next.Counts.OK++
		next.Summary = fmt.Sprintf("%d of %d rows", next.Counts.OK, job.Partition.Rows)
		if e.commit != nil {
			e.commit(ctx, job, next)
		}
		if err := job.Journal.Commit(ctx, next); err != nil {
			return c, err
		}
		e.mu.Lock()
		e.rows = append(e.rows, c.Next)
		e.mu.Unlock()
		c = next
	}
	return c, nil
}

// done are the rows that were committed, and from which row each job went on.
func (e *ticker) done() (rows []int64, from []int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.jobs {
		from = append(from, j.From.Next)
	}
	return slices.Clone(e.rows), from
}

const testRun = "_runs/1/"

// plan is a store with the plan of one partition of so many rows.
func plan(t *testing.T, rows int64) (*memory, pipeline.Partition) {
	t.Helper()
	p := pipeline.Partition{Name: "part-0-0123456789ab-0of1", File: "part-0.parquet", Version: "1", Rows: rows}
	page, err := json.Marshal([]pipeline.Partition{p})
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	m.objects[testRun+"plan-00000.json"] = page
	return m, p
}

func newActivities(m *memory, e Engine) *Activities {
	return &Activities{
		Open: func(context.Context, string, string, bool) (pipeline.Output, error) {
			return pipeline.Output{Dataset: m, Store: m, Tables: noTables{}}, nil
		},
		Engine: e,
	}
}

func firstPass() ProcessInput {
	return ProcessInput{Run: Run{Key: testRun, Output: "memory:"}, Pass: 1, LastPass: true}
}

// rig is a dev server with workers for Process.
type rig struct {
	t      *testing.T
	server *devtest.Server
	client client.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, server: devtest.Start(t)}
	r.client = r.server.Dial()
	return r
}

const testQueue = "activities-test"

// processWorkflow is as much of a workflow as Process needs.
func processWorkflow(ctx workflow.Context, in ProcessInput, timeout time.Duration) (ProcessResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          "process",
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    timeout,
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1},
	})
	var r ProcessResult
	err := workflow.ExecuteActivity(ctx, ProcessActivity, in).Get(ctx, &r)
	return r, err
}

// work starts a worker with one slot: while that is taken, it does not poll, so
// that a retry goes elsewhere.
func (r *rig) work(a *Activities) worker.Worker {
	r.t.Helper()
	w := worker.New(r.client, testQueue, worker.Options{
		WorkerStopTimeout:                  10 * time.Second,
		MaxConcurrentActivityExecutionSize: 1,
		MaxConcurrentActivityTaskPollers:   1,
	})
	w.RegisterWorkflowWithOptions(processWorkflow, workflow.RegisterOptions{Name: "process"})
	a.RegisterHeavy(w)
	if err := w.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.Stop)
	return w
}

func (r *rig) run(timeout time.Duration) client.WorkflowRun {
	r.t.Helper()
	run, err := r.client.ExecuteWorkflow(r.t.Context(), client.StartWorkflowOptions{ID: "run", TaskQueue: testQueue}, "process", firstPass(), timeout)
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// eventually waits for a condition on a server, which has no clock to fake.
func eventually(t *testing.T, what string, limit time.Duration, condition func() bool) {
	t.Helper()
	for until := time.Now().Add(limit); !condition(); {
		if time.Now().After(until) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // between two looks at a server
	}
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}
