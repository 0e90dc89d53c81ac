package activities

import "sluice/pipeline"

// Run says which run an activity works for. It is part of every input but those
// of a verification, which belongs to no run.
type Run struct {
	// Key is the prefix of the run's own objects in the output, its plan among
	// them: "_runs/20261122T102244Z-1f3a/".
	Key    string        `json:"key"`
	Spec   pipeline.Spec `json:"spec"`   // with the dataset's URL
	Output string        `json:"output"` // URL
}

// PlanInput is the input of Plan, whose result is a pipeline.PlanSummary.
type PlanInput struct {
	Run
	RowsPerPartition int64 `json:"rows_per_partition"`
	// MaxPartitions is the largest plan that the workflow takes.
	MaxPartitions int `json:"max_partitions,omitempty"`
	// Redo, if it is set, has published rows done again.
	Redo *pipeline.Selection `json:"redo,omitempty"`
	// Collection is the id of the workflow that collects in this output: while it
	// is open, no run may begin.
	Collection string `json:"collection,omitempty"`
}

// LoadNamesInput is the input of LoadNames: N partitions of the plan, from
// First on. The result is their names, a []string.
type LoadNamesInput struct {
	Run
	First int `json:"first"`
	N     int `json:"n"`
}

// ProcessInput is the input of Process: one pass over one partition.
type ProcessInput struct {
	Run
	Index int `json:"index"` // of the partition in the plan
	// Pass is the pass to do; 1 is the first.
	Pass int `json:"pass"`
	// LastPass makes transient failures final.
	LastPass bool `json:"last_pass,omitempty"`
	// From is where the previous pass ended; nil in the first.
	From *Position `json:"from,omitempty"`
	// PerHost is how many connections this worker may have to one host for the
	// run, whose partitions share them; 0 is what its operator allows.
	PerHost int `json:"per_host,omitempty"`
}

func (in ProcessInput) share() pipeline.Share {
	return pipeline.Share{Run: in.Output + " " + in.Key, PerHost: in.PerHost}
}

// Position is how far a partition has come. It is Process' heartbeat, so that it
// can be read in the Temporal UI and by whoever describes the workflow, and it
// is in its result.
type Position struct {
	pipeline.Checkpoint
	// Earlier is how many of the rows were done before this run, Of how many rows
	// the partition has.
	Earlier int64 `json:"earlier,omitempty"`
	Of      int64 `json:"of,omitempty"`
}

// ProcessResult is the result of Process.
type ProcessResult struct {
	Partition pipeline.Partition `json:"partition"`
	// Published is what the partition's manifest counts, if there was one
	// already; then nothing was done, and nothing is left to do.
	Published *pipeline.Counts `json:"published,omitempty"`
	// Position is where the pass ended. Its holes failed for a transient reason
	// and are left to another pass.
	Position Position `json:"position"`
}

// PublishInput is the input of Publish, whose result is a pipeline.Counts.
type PublishInput struct {
	Run
	Partition  pipeline.Partition  `json:"partition"`
	Checkpoint pipeline.Checkpoint `json:"checkpoint"`
}

// FinishInput is the input of Finish, whose result is a pipeline.Totals.
type FinishInput struct {
	Run
	Ending pipeline.Ending `json:"ending"`
}

// VerifyInput is the input of the verification and of its first step, whose
// result is a pipeline.Survey.
type VerifyInput struct {
	Input   string                 `json:"input"`  // URL of the dataset
	Output  string                 `json:"output"` // URL
	Request pipeline.VerifyRequest `json:"request"`
}

func (in VerifyInput) run() Run {
	return Run{Key: in.Request.Run, Spec: pipeline.Spec{Input: in.Input}, Output: in.Output}
}

// VerifyChunkInput is the input of VerifyChunk, whose result is a
// pipeline.Report.
type VerifyChunkInput struct {
	VerifyInput
	Chunk int `json:"chunk"`
}

// EndVerifyInput is the input of EndVerify.
type EndVerifyInput struct {
	VerifyInput
	Found int64 `json:"found"` // findings
}

// CollectInput is the input of Collect, whose result is a pipeline.Collected.
type CollectInput struct {
	Input  string `json:"input,omitempty"` // URL of the dataset; "" is what the output says
	Output string `json:"output"`          // URL
	// RunID is the id of the output's dataset workflow: while it is open, nothing
	// may be removed.
	RunID   string                  `json:"run_id"`
	Request pipeline.CollectRequest `json:"request"`
}
