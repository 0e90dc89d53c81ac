package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"sluice/pipeline"
)

// SignalOverview tells the dataset workflow how its run stands (Overview), which
// it shows in the UI.
const SignalOverview = "overview"

// Overview is how a run stands, with what its open partitions have done so far:
// what `starter status` says.
type Overview struct {
	At time.Time `json:"at"`
	// Counts are the whole output's, Examples of failed rows, one a class.
	Counts   pipeline.Counts   `json:"counts"`
	Examples pipeline.Examples `json:"examples,omitempty"`
	Rate     float64           `json:"rate"` // rows a second of late
	Left     time.Duration     `json:"left"` // 0: nobody can say
	// Open are the open partitions by their state: "2 running, 5 queued".
	Open string `json:"open"`
	// Slowest are the partitions that will take longest, Workers who is at how
	// many, Troubles what is held up: a line each.
	Slowest  []string `json:"slowest,omitempty"`
	Workers  []string `json:"workers,omitempty"`
	Troubles []string `json:"troubles,omitempty"`
}

// hearOverview shows what the guard sees.
func (d *dataset) hearOverview(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, SignalOverview)
	for {
		var o Overview
		signals.Receive(ctx, &o)
		d.report.overview = &o
		d.report.show(ctx)
	}
}

// markdown shows an open run as o has it. What is published since then is in p.
func (o Overview) markdown(p Progress) string {
	all := plus(p.Done, p.Counts)
	if o.Counts.Rows() > all.Rows() {
		all = o.Counts
	}
	var b strings.Builder
	printf(&b, "| at %s | |\n|---|--:|\n", o.At.UTC().Format(time.TimeOnly+" UTC")) // the UI leaves no room between columns
	printf(&b, "| rows | %s of %s |\n", grouped(all.Rows()), grouped(p.Rows))
	if o.Rate > 0 {
		printf(&b, "| rows a second | %.*f |\n", map[bool]int{true: 1}[o.Rate < 10], o.Rate)
	}
	if o.Left > 0 {
		printf(&b, "| time left | %s |\n", o.Left.Round(time.Second))
	}
	printf(&b, "| MB read, stored | %s, %s |\n", grouped(all.BytesIn/1e6), grouped(all.BytesOut/1e6))
	printf(&b, "| partitions published | %s of %s |\n", grouped(int64(p.Earlier+p.Published)), grouped(int64(p.Partitions)))
	if o.Open != "" {
		printf(&b, "| partitions open | %s |\n", o.Open)
	}
	countRows(&b, all)
	var failed []string
	seen := examples(p.Examples, o.Examples)
	for _, class := range pipeline.Classes {
		if e, ok := seen[class]; ok {
			failed = append(failed, string(class)+": "+e.String())
		}
	}
	for _, part := range []struct {
		what  string
		lines []string
	}{
		{"Held up", o.Troubles},
		{"Partitions that failed", p.Failures},
		{"Rows that failed", failed},
		{"Slowest", o.Slowest},
		{"Workers", o.Workers},
	} {
		if len(part.lines) > 0 {
			printf(&b, "\n%s:\n", part.what)
		}
		for _, line := range part.lines {
			printf(&b, "- `%s`\n", strings.ReplaceAll(strings.Join(strings.Fields(line), " "), "`", "'"))
		}
	}
	return b.String()
}
