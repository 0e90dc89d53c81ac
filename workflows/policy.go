package workflows

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

const (
	// longest bounds an attempt at an activity. Silence, not time, tells that a
	// worker is dead: a partition behind an origin that allows a row a minute is
	// slow, and making it start again would not make it faster.
	longest = 365 * 24 * time.Hour
	// lightTimeout is after how much silence a light activity's worker is taken
	// for dead: five of its heartbeats.
	lightTimeout = 10 * time.Second
	// farewell bounds what a run that did not succeed still writes down. It
	// must end even where nobody or nothing is left to write it.
	farewell = 2 * time.Minute
	// briefFarewell is the same where somebody waits for a cancel to be over. A
	// store that hangs does not hold that up for long.
	briefFarewell = 15 * time.Second
	// maxRetryAfter is the longest wait that an origin can ask for.
	maxRetryAfter = time.Hour
)

// faults is how activities are retried: until it works. What fails here is our
// surroundings, and those come back; stops, pauses and deploys count as
// attempts, too. What no retry mends says so itself, and is not retried.
var faults = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    30 * time.Second,
}

// light are the options of what is done in passing.
func light(ctx workflow.Context, format string, args ...any) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longest,
		HeartbeatTimeout:    lightTimeout,
		RetryPolicy:         faults,
		WaitForCancellation: true,
		Summary:             short(fmt.Sprintf(format, args...)),
	})
}

// heavy are the options of processing a partition.
func heavy(ctx workflow.Context, heartbeatTimeout time.Duration, format string, args ...any) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ProcessQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout: longest,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         faults,
		// It ends when what is done is in a checkpoint, and not before.
		WaitForCancellation: true,
		Summary:             short(fmt.Sprintf(format, args...)),
	})
}

// child are the options of a child workflow. A cancel reaches it, at each level,
// whichever way its parent ends; and a parent that is cancelled ends when its
// children have. A run that comes later takes the same ids again.
func child(ctx workflow.Context, id, format string, args ...any) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true,
		StaticSummary:         short(fmt.Sprintf(format, args...)),
	})
}

// short cuts a summary at 200 bytes; the server's limit is 400.
func short(s string) string { return cut(s, 200) }

// WithDefaults fills in what whoever starts the workflow leaves out.
func (in RunInput) WithDefaults() RunInput {
	if in.RowsPerPartition < 1 {
		in.RowsPerPartition = 10_000
	}
	if in.InFlight < 1 {
		in.InFlight = 64
	}
	if in.HeartbeatTimeout <= 0 {
		in.HeartbeatTimeout = 10 * time.Second
	}
	return in
}
