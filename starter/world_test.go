package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"starter": main})
}

// startWorker runs the stubs below under the names of the real workflows.
func startWorker(t *testing.T, c client.Client) {
	t.Helper()
	light := worker.New(c, workflows.DefaultTaskQueue, worker.Options{})
	for name, stub := range map[string]any{
		workflows.DatasetWorkflow:   stubDataset,
		workflows.PartitionWorkflow: stubPartition,
		workflows.VerifyWorkflow:    stubVerify,
		workflows.CollectWorkflow:   stubCollect,
		workflows.NightWorkflow:     workflows.Night,
	} {
		light.RegisterWorkflowWithOptions(stub, workflow.RegisterOptions{Name: name})
	}
	light.RegisterActivityWithOptions(progress.Look, activity.RegisterOptions{Name: workflows.LookActivity})
	heavy := worker.New(c, workflows.ProcessQueue(workflows.DefaultTaskQueue), worker.Options{MaxHeartbeatThrottleInterval: time.Second})
	heavy.RegisterActivityWithOptions(stubProcess, activity.RegisterOptions{Name: activities.ProcessActivity})
	for _, w := range []worker.Worker{light, heavy} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
	}
}

// stubDataset does what its column's name says.
func stubDataset(ctx workflow.Context, in workflows.RunInput) (workflows.RunResult, error) {
	if in.Redo != nil {
		return stubRedo(*in.Redo)
	}
	if in.Spec.Column == "nosuch" {
		return workflows.RunResult{}, temporal.NewNonRetryableApplicationError(
			`no column "nosuch": there are url (string)`, activities.UsageType, nil)
	}
	plan := workflows.Progress{Planned: true, Rows: 1000, Partitions: 2, Earlier: 1, Done: pipeline.Counts{OK: 400}}
	say := func() error { return workflow.UpsertMemo(ctx, map[string]any{workflows.MemoProgress: plan}) }
	if err := say(); err != nil {
		return workflows.RunResult{}, err
	}
	switch in.Spec.Column {
	case "broken":
		plan.Failed, plan.Failures = 1, []string{"b.parquet: its footer cannot be read"}
		if err := say(); err != nil {
			return workflows.RunResult{}, err
		}
		return workflows.RunResult{}, temporal.NewNonRetryableApplicationError("1 of 2 partitions failed", workflows.FailedType, nil)
	case "slow":
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: workflows.PartitionID(workflow.GetInfo(ctx).WorkflowExecution.ID, "part-1"),
		})
		child := workflow.ExecuteChildWorkflow(ctx, workflows.PartitionWorkflow)
		if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			return workflows.RunResult{}, err
		}
		over := false
		until := workflow.NewSelector(ctx)
		until.AddReceive(workflow.GetSignalChannel(ctx, "finish"), func(workflow.ReceiveChannel, bool) { over = true })
		until.AddReceive(workflow.GetSignalChannel(ctx, workflows.SignalSteer), func(c workflow.ReceiveChannel, _ bool) { stubSteer(ctx, c, child) })
		until.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { over = true })
		for !over {
			until.Select(ctx)
		}
		if ctx.Err() != nil {
			return workflows.RunResult{}, ctx.Err()
		}
	}
	return workflows.RunResult{
		Counts: pipeline.Counts{
			OK: 960, Failed: 30, Skipped: 10, BytesIn: 350_000_000, BytesOut: 20_000_000,
			Errors: map[pipeline.Class]int64{pipeline.Timeout: 20, pipeline.HTTP4xx: 10},
		},
		New: 600, Partitions: 2,
	}, nil
}

// stubRedo does ten rows again, or 30 if all are to be.
func stubRedo(sel pipeline.Selection) (workflows.RunResult, error) {
	r := workflows.RunResult{Counts: pipeline.Counts{OK: 970, Failed: 20, Skipped: 10, Errors: map[pipeline.Class]int64{pipeline.Timeout: 20}}, New: 10, Partitions: 2}
	if len(sel.Classes)+len(sel.Hosts) == 0 {
		r = workflows.RunResult{Counts: pipeline.Counts{OK: 990, Skipped: 10}, New: 30, Partitions: 2}
	}
	return r, nil
}

// stubSteer says that it was steered. A pause ends the partition.
func stubSteer(ctx workflow.Context, signals workflow.ReceiveChannel, child workflow.ChildWorkflowFuture) {
	var s workflows.Steer
	signals.Receive(ctx, &s)
	steered := workflows.Steered{ID: s.ID, InFlight: 64}
	if s.Paused != nil {
		steered.Paused, steered.By, steered.Why = *s.Paused, s.By, s.Why
	}
	if s.InFlight != nil {
		steered.InFlight = *s.InFlight
	}
	if s.Tolerate != nil {
		steered.Tolerate = *s.Tolerate
	}
	_ = workflow.UpsertMemo(ctx, map[string]any{workflows.MemoSteered: steered})
	if steered.Paused {
		child.SignalChildWorkflow(ctx, "end", nil)
	}
}

func stubPartition(parent workflow.Context) error {
	ctx := parent
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           workflows.ProcessQueue(workflows.DefaultTaskQueue),
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    time.Minute,
		WaitForCancellation: true,
	})
	ctx, cancel := workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
		cancel()
	})
	err := workflow.ExecuteActivity(ctx, activities.ProcessActivity).Get(ctx, nil)
	if parent.Err() != nil {
		return err
	}
	stands := workflows.Standing{Counts: pipeline.Counts{OK: 120, Failed: 3}}
	if err := workflow.UpsertMemo(parent, map[string]any{workflows.MemoStanding: stands}); err != nil {
		return err
	}
	return workflow.Sleep(parent, time.Hour)
}

// stubCollect finds what its horizon says.
func stubCollect(_ workflow.Context, in activities.CollectInput) (pipeline.Collected, error) {
	if strings.HasSuffix(in.Output, "/busy") {
		return pipeline.Collected{}, temporal.NewNonRetryableApplicationError("a run of "+in.Output+" is open, and stores what gc might remove: wait for its end, or cancel it", activities.UsageType, nil)
	}
	c := pipeline.Collected{Images: 12, Bytes: 240_000, Work: 3, Unfinished: 1, Named: 960, DryRun: in.Request.DryRun}
	if in.Request.Horizon > 0 {
		c = pipeline.Collected{Named: 960, Young: 12, DryRun: in.Request.DryRun}
	}
	return c, nil
}

// stubProcess has done 123 rows, and does no more until it is cancelled.
func stubProcess(ctx context.Context) error {
	position := activities.Position{Checkpoint: pipeline.Checkpoint{Seq: 1, Pass: 1, Next: 123, Counts: pipeline.Counts{OK: 120, Failed: 3}}}
	for tick := time.Tick(100 * time.Millisecond); ; {
		activity.RecordHeartbeat(ctx, position)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		}
	}
}

func stubVerify(_ workflow.Context, in activities.VerifyInput) (pipeline.Report, error) {
	if strings.HasSuffix(in.Output, "/none") {
		return pipeline.Report{}, temporal.NewNonRetryableApplicationError("no run has written to "+in.Output, activities.UsageType, nil)
	}
	r := pipeline.Report{Files: 2, Partitions: 2, Rows: 1000, Objects: 960, Bytes: 20_000_000, Deep: in.Request.Deep}
	if in.Request.Deep {
		r.Found = 3
		r.Findings = []pipeline.Finding{
			{Where: "b.parquet row 17", Problem: "images/part-1/17-00.jpg has another hash"},
			{Where: "a.parquet", Problem: "read from " + in.Input},
		}
	}
	return r, nil
}

// call is one call of the program within the test.
type call struct {
	*cli
	cancel context.CancelFunc
	done   chan int
	mu     sync.Mutex
	out    bytes.Buffer
	err    bytes.Buffer
}

// start begins a call; adjust may change what it runs with.
func start(t *testing.T, adjust func(*cli), args ...string) *call {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &call{cancel: cancel, done: make(chan int, 1)}
	c.cli = newCLI(locked{&c.mu, &c.out}, locked{&c.mu, &c.err}, noEnv{})
	if adjust != nil {
		adjust(c.cli)
	}
	go func() { c.done <- c.run(ctx, args) }()
	t.Cleanup(func() { cancel(); c.wait(t) })
	return c
}

// wait returns the exit status.
func (c *call) wait(t *testing.T) int {
	t.Helper()
	select {
	case status := <-c.done:
		c.done <- status
		return status
	case <-time.After(time.Minute):
		t.Fatalf("still running; stdout %q, stderr %q", c.stdoutText(), c.stderrText())
		return -1
	}
}

func (c *call) stdoutText() string { c.mu.Lock(); defer c.mu.Unlock(); return c.out.String() }
func (c *call) stderrText() string { c.mu.Lock(); defer c.mu.Unlock(); return c.err.String() }

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// noEnv is an empty environment.
type noEnv struct{}

func (noEnv) Environ() []string               { return nil }
func (noEnv) LookupEnv(string) (string, bool) { return "", false }

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, deadline := time.Tick(20*time.Millisecond), time.After(time.Minute)
	for !holds() {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("never: " + what)
		}
	}
}
