package progress

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/workflows"
)

// shown is how many lines there are of a kind, at most.
const shown = 3

// overview is what the UI shows of s.
func overview(s Snapshot, m *Meter) workflows.Overview {
	o := workflows.Overview{
		At: s.At, Counts: s.Counts, Examples: s.Examples,
		Rate: m.Rate(), Left: m.Left(s.Rows - s.Counts.Rows()),
	}
	var states []string
	for _, state := range s.Partitions.Open() {
		states = append(states, fmt.Sprintf("%d %s", state.N, state.Name))
	}
	o.Open = strings.Join(states, ", ")
	for _, a := range s.AtWork[:min(len(s.AtWork), shown)] {
		of := ""
		if a.Of > 0 {
			of = fmt.Sprintf(" of %d", a.Of)
		}
		o.Slowest = append(o.Slowest, fmt.Sprintf("%s: %d%s rows in %s, pass %d", a.Partition, a.Rows, of, time.Duration(a.Seconds)*time.Second, a.Pass))
	}
	workers := s.Workers()
	names := slices.Sorted(maps.Keys(workers))
	for _, name := range names[:min(len(names), maxWorkers)] {
		noun := "partitions"
		if workers[name] == 1 {
			noun = "partition"
		}
		o.Workers = append(o.Workers, fmt.Sprintf("%s: %d %s", name, workers[name], noun))
	}
	if more := len(names) - maxWorkers; more > 0 {
		o.Workers = append(o.Workers, fmt.Sprintf("and %d more", more))
	}
	for _, t := range s.Troubles[:min(len(s.Troubles), shown)] {
		attempt := ""
		if !t.Paused {
			attempt = fmt.Sprintf(", attempt %d", t.Attempt)
		}
		o.Troubles = append(o.Troubles, cmp.Or(t.Partition, t.Activity)+attempt+": "+t.Message)
	}
	return o
}

// maxWorkers is how many workers an overview names.
const maxWorkers = 10

// State is how many open partitions are in a state.
type State struct {
	Name string
	N    int
}

// Open are the states in which there are open partitions.
func (p Partitions) Open() (states []State) {
	for _, s := range []State{
		{"paused", p.Paused}, {"held up", p.Retrying}, {"running", p.Running}, {"waiting", p.Waiting}, {"queued", p.Queued},
	} {
		if s.N > 0 {
			states = append(states, s)
		}
	}
	return states
}
