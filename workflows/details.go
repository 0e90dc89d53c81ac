package workflows

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/activities"
	"sluice/pipeline"
)

// What the Temporal UI shows as a workflow's current details, in Markdown. The
// server takes 20 kB of it.

// markdown shows p as a table.
func (p Progress) markdown() string {
	if !p.Planned {
		return "planning"
	}
	all := plus(p.Done, p.Counts)
	var b strings.Builder
	b.WriteString("| | published |\n|---|--:|\n") // the UI leaves no room between columns
	printf(&b, "| partitions | %s of %s |\n", grouped(int64(p.Earlier+p.Published)), grouped(int64(p.Partitions)))
	if p.Rows > 0 {
		printf(&b, "| rows | %s of %s |\n", grouped(all.Rows()), grouped(p.Rows))
	}
	countRows(&b, all)
	if p.Failed > 0 {
		printf(&b, "\n%d partitions failed:\n", p.Failed)
		for _, f := range p.Failures {
			printf(&b, "- %s\n", f)
		}
	}
	return b.String()
}

// details say what a partition is at, until there is a pass to tell of.
func (in PartitionInput) details(s Steering) string {
	if s.Paused {
		return fmt.Sprintf("`%s`: %s. Its checkpoint keeps what is done.", in.Name, s.pausedBy())
	}
	return fmt.Sprintf("`%s`: how far it has come is in the heartbeat of its pending activity", in.Name)
}

// pausedBy says who paused the run, and why.
func (s Steering) pausedBy() string {
	words := "the run is paused"
	if s.By != "" {
		words += " by " + s.By
	}
	if s.Why != "" {
		words += ": " + s.Why
	}
	return words
}

// partitionDetails show where a partition stands, and what it does or waits for.
func partitionDetails(r activities.Report, state string) string {
	var b strings.Builder
	p := r.Partition
	printf(&b, "`%s`, rows %s to %s: %s\n\n", p.File, grouped(p.First), grouped(p.End()-1), state)
	printf(&b, "| pass %d | |\n|---|--:|\n", r.Pass) // the UI leaves no room between columns
	printf(&b, "| rows | %s of %s |\n", grouped(r.Counts.Rows()), grouped(p.Rows))
	countRows(&b, r.Counts)
	return b.String()
}

// countRows are a table's rows, one for each kind of outcome that there is.
func countRows(b *strings.Builder, c pipeline.Counts) {
	printf(b, "| ok | %s |\n", grouped(c.OK))
	if c.Skipped > 0 {
		printf(b, "| skipped (no source) | %s |\n", grouped(c.Skipped))
	}
	if c.Failed > 0 {
		printf(b, "| failed | %s |\n", grouped(c.Failed))
	}
	for _, class := range pipeline.Classes {
		if n := c.Errors[class]; n > 0 {
			printf(b, "| – `%s` | %s |\n", class, grouped(n))
		}
	}
}

// printf is fmt.Fprintf, of which workflowcheck knows only Sprintf to be
// deterministic.
func printf(b *strings.Builder, format string, args ...any) {
	b.WriteString(fmt.Sprintf(format, args...)) //nolint:staticcheck // QF1012 would have Fprintf
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
