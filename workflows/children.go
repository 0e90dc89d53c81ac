package workflows

import (
	"slices"
	"time"

	"sluice/activities"
	"sluice/pipeline"
)

// SliceInput is the input of the workflow of one slice: N partitions of the
// plan, from First on.
type SliceInput struct {
	activities.Run
	Dataset string `json:"dataset"` // id of the dataset workflow
	Slice   int    `json:"slice"`   // number of the slice
	First   int    `json:"first"`
	N       int    `json:"n"`
	// Window is how many of its partitions are open at once, until a
	// SignalWindow says otherwise.
	Window int `json:"window"`
	// HeartbeatTimeout and Waits are RunInput's.
	HeartbeatTimeout time.Duration   `json:"heartbeat_timeout"`
	Waits            []time.Duration `json:"waits,omitempty"`
	// Steering is how the run goes on when the slice begins.
	Steering Steering `json:"steering,omitzero"`
}

// PartitionInput is the input of the workflow of one partition.
type PartitionInput struct {
	activities.Run
	Name  string `json:"name"`  // of the partition
	Index int    `json:"index"` // of the partition in the plan
	// HeartbeatTimeout and Waits are RunInput's.
	HeartbeatTimeout time.Duration   `json:"heartbeat_timeout"`
	Waits            []time.Duration `json:"waits,omitempty"`
	// Steering is how the run goes on when the partition begins.
	Steering Steering `json:"steering,omitzero"`
}

// PartitionResult is the result of a partition whose manifest is published.
type PartitionResult struct {
	File   string          `json:"file"` // relative to the dataset
	Counts pipeline.Counts `json:"counts"`
	// New is how many of the rows this run did.
	New int64 `json:"new"`
	// Examples are of failed rows, one a class.
	Examples pipeline.Examples `json:"examples,omitempty"`
}

// Tally is what a fan-out has come to: a slice's result, and the details of its
// cancellation.
type Tally struct {
	Counts pipeline.Counts `json:"counts"` // of the partitions that are published
	New    int64           `json:"new"`    // rows of these that this run did
	// Published and Failed count partitions.
	Published int `json:"published"`
	Failed    int `json:"failed"`
	// Failures are the first failed partitions' reasons, a line each.
	Failures []string `json:"failures,omitempty"`
	// Lost are partitions that failed, the first maxLost of them.
	Lost []Lost `json:"lost,omitempty"`
	// Examples are of failed rows, one a class.
	Examples pipeline.Examples `json:"examples,omitempty"`
}

// Lost is a partition that failed.
type Lost struct {
	Name string `json:"name"`
	Why  string `json:"why"` // its line in Failures
}

// maxLost is how many partitions that failed are remembered by name, to be asked
// after: some 100 kB.
const maxLost = 500

// maxFailures is how many reasons are kept: enough to see what they have in
// common, few enough for a memo and a line.
const maxFailures = 5

func (t *Tally) publish(r PartitionResult) {
	t.Counts = plus(t.Counts, r.Counts)
	t.New += r.New
	t.Published++
	t.Examples = examples(t.Examples, r.Examples)
}

// lose counts a partition that failed.
func (t *Tally) lose(name, why string) {
	t.fail(1, why)
	if len(t.Lost) < maxLost {
		t.Lost = append(t.Lost, Lost{name, why})
	}
}

// regain takes back that those of results, by name, have failed.
func (t *Tally) regain(results map[string]PartitionResult) {
	var still []Lost
	for _, l := range t.Lost {
		r, ok := results[l.Name]
		if !ok {
			still = append(still, l)
			continue
		}
		t.Failed--
		t.publish(r)
		t.Failures = slices.DeleteFunc(t.Failures, func(line string) bool { return line == l.Why })
	}
	t.Lost = still
	for _, l := range still {
		if len(t.Failures) < maxFailures && !slices.Contains(t.Failures, l.Why) {
			t.Failures = append(t.Failures, l.Why)
		}
	}
}

func (t *Tally) fail(partitions int, why string) {
	t.Failed += partitions
	if len(t.Failures) < maxFailures {
		t.Failures = append(t.Failures, why)
	}
}

func (t *Tally) add(u Tally) {
	t.Counts = plus(t.Counts, u.Counts)
	t.New += u.New
	t.Published += u.Published
	t.Examples = examples(t.Examples, u.Examples)
	t.Failed += u.Failed
	t.Failures = append(t.Failures, u.Failures[:min(len(u.Failures), maxFailures-len(t.Failures))]...)
	t.Lost = append(t.Lost, u.Lost[:min(len(u.Lost), maxLost-len(t.Lost))]...)
}

// plus goes over a map; in which order does not show in a sum.
//
//workflowcheck:ignore
func plus(a, b pipeline.Counts) pipeline.Counts { return a.Plus(b) }

// examples goes over a map, too, and what is taken does not hang on the order.
//
//workflowcheck:ignore
func examples(a, b pipeline.Examples) pipeline.Examples { return a.Plus(b) }

// The signals between a workflow and its children.
const (
	// SignalWaiting tells the parent that partition number N of the plan (an
	// int) waits for a later pass, and gives its place in the window back.
	SignalWaiting = "waiting"
	// SignalWindow gives a slice its window (an int).
	SignalWindow = "window"
	// SignalSpare gives back the places that a slice can no longer use (Spare).
	SignalSpare = "spare"
)

// Spare says that a slice has begun its last partition, and how many places it
// still has a use for.
type Spare struct {
	Slice  int `json:"slice"`
	Places int `json:"places"`
}
