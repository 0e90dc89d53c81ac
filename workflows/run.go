package workflows

import (
	"time"

	"sluice/pipeline"
)

// The registered names. They stand in histories and in people's scripts: they
// do not follow a renaming of the Go functions.
const (
	DatasetWorkflow   = "Dataset"
	SliceWorkflow     = "Slice"
	PartitionWorkflow = "Partition"
	VerifyWorkflow    = "Verify"
	CollectWorkflow   = "Collect"
	NightWorkflow     = "Night"
)

// DefaultTaskQueue is where the workflows and the light activities run. The
// partitions' heavy activity has a queue of its own beside it, so that a
// workflow task never waits for an image.
const DefaultTaskQueue = "sluice"

// ProcessQueue is the task queue of the heavy activity.
func ProcessQueue(taskQueue string) string { return taskQueue + "-process" }

// RunInput is the dataset workflow's input, and what `starter run` says.
type RunInput struct {
	Spec   pipeline.Spec `json:"spec"`   // with the dataset's URL
	Output string        `json:"output"` // URL, as it was given: with its query
	// Redo, if it is set, has published rows done again instead of what is new.
	// Of Spec only the dataset's URL matters then, and not even that has to be
	// there: the rest is the output's.
	Redo *pipeline.Selection `json:"redo,omitempty"`
	// RowsPerPartition is about how many rows a partition holds.
	RowsPerPartition int64 `json:"rows_per_partition"`
	// InFlight is how many partition workflows are open at once.
	InFlight int `json:"in_flight"`
	// PerHost is how many connections a worker may have to one host for this run;
	// 0 is what the worker's operator allows.
	PerHost int `json:"per_host,omitempty"`
	// HeartbeatTimeout is after how much silence a worker is taken for dead.
	HeartbeatTimeout time.Duration `json:"heartbeat_timeout"`
	// Waits are the times before each later pass over the rows that failed for
	// a transient reason. None: no later pass.
	Waits []time.Duration `json:"waits"`
	// Tolerate is how many rows may fail before the run is stopped.
	Tolerate Tolerance `json:"tolerate,omitempty"`
	// Indexed is whether the cluster has the search attributes registered.
	Indexed bool `json:"indexed,omitempty"`
}

// RunResult is the dataset workflow's result. Counts are the whole output's.
type RunResult struct {
	Counts pipeline.Counts `json:"counts"`
	// New is how many rows this run did.
	New        int64 `json:"new"`
	Partitions int   `json:"partitions"`
}

// Progress is kept in the memos of the dataset workflow and of its slices, so
// that it can be read while no worker is up. It holds what is published; what
// running partitions have done is in their heartbeats.
type Progress struct {
	Planned bool `json:"planned"`
	// Rows and Partitions are all of the output, Done is what earlier runs did.
	Rows       int64           `json:"rows"`
	Partitions int             `json:"partitions"`
	Done       pipeline.Counts `json:"done"`
	// Earlier is how many partitions earlier runs did.
	Earlier int `json:"earlier"`
	// Counts, Published and Failed are this workflow's (a slice's, or the
	// dataset's: then with those of the slices that have ended).
	Counts    pipeline.Counts `json:"counts"`
	Published int             `json:"published"`
	Failed    int             `json:"failed"`
	// Failures are the first failed partitions' reasons, a line each.
	Failures []string `json:"failures,omitempty"`
	// Examples are of failed rows, one a class.
	Examples pipeline.Examples `json:"examples,omitempty"`
}

// Memo keys.
const (
	MemoRun      = "run"      // RunInput, of the dataset workflow
	MemoProgress = "progress" // Progress
	MemoStanding = "standing" // Standing, of a partition workflow without an activity
	MemoSteered  = "steered"  // Steered
	MemoVerified = "verified" // pipeline.VerifyProgress, of the chunks that are done
	MemoNight    = "night"    // NightResult
	MemoOutput   = "output"   // of a schedule: its output's URL
)
