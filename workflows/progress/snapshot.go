// Package progress reads how far a run has come from what the Temporal server
// knows of it: the memos of the dataset workflow and of its slices, and the
// heartbeats of the partitions that are open. It loads no history and asks no
// worker, so it costs the same on the first day and on the last, and works while
// no worker is up.
package progress

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"sluice/pipeline"
	"sluice/workflows"
)

// Status is how a run stands.
type Status string

// The statuses. All but the first two are final.
const (
	Running    Status = "running"
	Paused     Status = "paused" // by starter pause, or the workflow itself by an operator
	Succeeded  Status = "succeeded"
	Failed     Status = "failed"
	Cancelled  Status = "cancelled"
	Terminated Status = "terminated"
	TimedOut   Status = "timed_out"
)

// Open reports whether the run goes on.
func (s Status) Open() bool { return s == Running || s == Paused }

// StatusOf translates Temporal's word.
func StatusOf(s enumspb.WorkflowExecutionStatus) Status {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return Succeeded
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return Failed
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return Cancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return Terminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return TimedOut
	case enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return Paused
	default: // continued as new: the next one of the chain is running
		return Running
	}
}

// Snapshot is a run at one moment.
type Snapshot struct {
	WorkflowID, RunID string
	TaskQueue         string
	Status            Status
	Cancelling        bool // asked to, and not there yet
	At                time.Time
	Started           time.Time
	Closed            time.Time // zero while it is open

	// Run is what was started; nil if the memo does not say.
	Run *workflows.RunInput
	// Steered is what was changed since then; its ID is "" if nothing was.
	Steered workflows.Steered

	Planned bool
	// Step is how far an activity of the workflow itself has come: the planning
	// of a run, the verifying of an output.
	Step Step

	// Rows, Counts and Partitions are the whole output's. Counts include rows
	// of partitions that are open, as of their last checkpoint.
	Rows       int64
	Counts     pipeline.Counts
	New        int64           // rows that this run did
	Earlier    pipeline.Counts // partitions that earlier runs published
	Partitions Partitions

	// Examples are of failed rows of this run, one a class.
	Examples pipeline.Examples
	// AtWork are the partitions that are at a worker, those that will take longest
	// first.
	AtWork   []AtWork
	Failures []string  // of the first failed partitions, a line each
	Troubles []Trouble // what is held up, and why

	// Busy is how many activities are at a worker, Untaken how many no worker
	// took for a while: without the first, the second means that none is free.
	Busy, Untaken int
	// Unheard is for how long no worker has taken the run's own next step. One
	// that is up takes it at once, however busy it is with images.
	Unheard time.Duration
}

// Elapsed is how long the run took, or takes until now.
func (s Snapshot) Elapsed() time.Duration {
	if s.Closed.IsZero() {
		return s.At.Sub(s.Started)
	}
	return s.Closed.Sub(s.Started)
}

// Step is a pipeline.PlanProgress or a pipeline.VerifyProgress, whichever it was.
type Step struct {
	Files      int   `json:"files"`
	Partitions int   `json:"partitions"`
	Rows       int64 `json:"rows"`
}

func (s *Step) add(t Step) {
	s.Files += t.Files
	s.Partitions += t.Partitions
	s.Rows += t.Rows
}

// Partitions counts the partitions by their state.
type Partitions struct {
	All      int `json:"all"`
	Done     int `json:"done"` // earlier runs' too
	Failed   int `json:"failed"`
	Running  int `json:"running"`  // at a worker
	Queued   int `json:"queued"`   // open, for a worker to take
	Waiting  int `json:"waiting"`  // open, for a later pass or between two steps
	Retrying int `json:"retrying"` // open, to be tried again after a failure of ours
	Paused   int `json:"paused"`   // open, held by an operator
}

// AtWork is a partition that is at a worker.
type AtWork struct {
	Partition string  `json:"partition"`
	Pass      int     `json:"pass"`
	Rows      int64   `json:"rows"`    // with their outcome
	Of        int64   `json:"of"`      // rows in all; 0 until it is known
	Seconds   float64 `json:"seconds"` // of this attempt
	Worker    string  `json:"worker"`  // its identity
	done      int64   // rows of this attempt's run
}

// left orders partitions by how long they will take at their pace so far.
func (a AtWork) left() float64 {
	return float64(a.Of-a.Rows) * a.Seconds / float64(max(1, a.done))
}

// Workers counts the partitions that each worker is at.
func (s Snapshot) Workers() map[string]int {
	workers := map[string]int{}
	for _, a := range s.AtWork {
		workers[a.Worker]++
	}
	return workers
}

// Trouble is an activity that does not get on.
type Trouble struct {
	Partition string `json:"partition,omitempty"` // "" is the run itself
	Activity  string `json:"activity"`
	Pass      int    `json:"pass,omitempty"`
	Attempt   int32  `json:"attempt"`
	Paused    bool   `json:"paused,omitempty"`
	Message   string `json:"message"` // the last attempt's failure, or who paused it
}

// atLeast raises each count of c to what was shown before: a sum of heartbeats
// that were read one after the other, and of memos that lag, may fall short.
func atLeast(c, before pipeline.Counts) pipeline.Counts {
	c.OK = max(c.OK, before.OK)
	c.Failed = max(c.Failed, before.Failed)
	c.Skipped = max(c.Skipped, before.Skipped)
	c.BytesIn = max(c.BytesIn, before.BytesIn)
	c.BytesOut = max(c.BytesOut, before.BytesOut)
	c = c.Plus(pipeline.Counts{}) // a copy of the map
	for class, n := range before.Errors {
		if c.Errors == nil {
			c.Errors = map[pipeline.Class]int64{}
		}
		c.Errors[class] = max(c.Errors[class], n)
	}
	return c
}
