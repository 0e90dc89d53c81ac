package pipeline

import "time"

// Output is a dataset together with what becomes of it. Its methods are the
// steps of a run: Plan, then for each partition Resume, Engine.Process and
// Publish, then Finish. Each can be done again after a kill at any moment.
type Output struct {
	Dataset Store
	Store   Store
	Tables  Tables
}

// PlanRequest says what to plan.
type PlanRequest struct {
	// Run is the prefix of the run's own objects, such as
	// "_runs/20261122T102244Z-1f3a/". The same run plans under the same prefix.
	Run              string
	Spec             Spec
	RowsPerPartition int64
	// MaxPartitions is the largest plan that is taken; 0 is any.
	MaxPartitions int
	// Redo, if it is set, has published rows done again, and Spec is the output's.
	Redo *Selection
}

// PlanSummary is what a workflow has to know of a plan.
type PlanSummary struct {
	Run   string `json:"run"`
	Files int    `json:"files"`
	// Partitions and Rows are what is to be done.
	Partitions int   `json:"partitions"`
	Rows       int64 `json:"rows"`
	// Earlier and Done are what earlier runs did: how many partitions, and
	// their rows.
	Earlier int    `json:"earlier"`
	Done    Counts `json:"done"`
	// Spec is the output's, where the request did not say it.
	Spec *Spec `json:"spec,omitempty"`
	// Replaced is how many manifests of older versions or other cuts are
	// removed when this run succeeds.
	Replaced int `json:"replaced"`
}

// PlanProgress is how far planning has come.
type PlanProgress struct {
	Files      int   `json:"files"`
	Partitions int   `json:"partitions"`
	Rows       int64 `json:"rows"`
}

// Totals are what Finish counts, over the whole output.
type Totals struct {
	Counts     Counts `json:"counts"`
	Partitions int    `json:"partitions"`
}

// Ending is how a run ended; Finish writes it to the run's summary.json.
type Ending struct {
	Status   string    `json:"status"` // "succeeded", "failed" or "cancelled"
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	New      int64     `json:"new"`
	Failures []string  `json:"failures,omitempty"`
}

// VerifyProgress is how far verifying has come.
type VerifyProgress struct {
	Partitions int   `json:"partitions"`
	Rows       int64 `json:"rows"`
}

// Finding is one thing that is wrong with an output.
type Finding struct {
	Where   string `json:"where"` // "FILE row N", or a key
	Problem string `json:"problem"`
}

// Report is the result of Verify. An output is as promised if nothing was found.
type Report struct {
	Files      int       `json:"files"`
	Partitions int       `json:"partitions"`
	Rows       int64     `json:"rows"` // of the dataset
	Counts     Counts    `json:"counts"`
	Objects    int64     `json:"objects"`
	Bytes      int64     `json:"bytes"`
	Findings   []Finding `json:"findings,omitempty"` // the first ones
	Found      int64     `json:"found"`              // all
	Warnings   []string  `json:"warnings,omitempty"` // vanished files, say
	Deep       bool      `json:"deep"`
	// Run is the prefix of what a verification with repairs has written down.
	Run string `json:"run,omitempty"`
}

// Plus is the sum of two steps' reports, of which most findings are listed. What
// both say once for the whole, the first says.
func (r Report) Plus(s Report, most int) Report {
	r.Files += s.Files
	r.Partitions += s.Partitions
	r.Rows += s.Rows
	r.Counts = r.Counts.Plus(s.Counts)
	r.Objects += s.Objects
	r.Bytes += s.Bytes
	r.Findings = append(r.Findings, s.Findings[:min(len(s.Findings), max(0, most-len(r.Findings)))]...)
	r.Found += s.Found
	r.Warnings = append(r.Warnings, s.Warnings[:min(len(s.Warnings), max(0, maxWarnings-len(r.Warnings)))]...)
	return r
}

// maxWarnings is how many warnings a report lists.
const maxWarnings = 100
