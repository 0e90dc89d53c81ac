package workflows

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"sluice/activities"
	"sluice/pipeline"
)

func TestOverviewMarkdown(t *testing.T) {
	p := Progress{
		Planned: true, Rows: 12_000, Partitions: 12, Earlier: 2, Done: pipeline.Counts{OK: 2000},
		Counts: pipeline.Counts{OK: 1000}, Published: 1, Failed: 1, Failures: []string{"b.parquet: no footer"},
	}
	o := Overview{
		At:       time.Date(2026, 11, 25, 21, 4, 5, 0, time.FixedZone("", 3600)),
		Counts:   pipeline.Counts{OK: 3900, Failed: 100, Errors: map[pipeline.Class]int64{pipeline.HTTP4xx: 100}, BytesIn: 7_000_000_000, BytesOut: 80_000_000},
		Examples: pipeline.Examples{pipeline.HTTP4xx: {Row: 7, File: "a.parquet", Source: "https://x/`|\n<b>", Message: "404 Not Found"}},
		Rate:     1234.5, Left: 90 * time.Second, Open: "2 running, 6 queued",
		Slowest: []string{"a-0of3: 5 of 1000 rows in 1m0s, pass 1"}, Workers: []string{"1@a: 2 partitions"},
	}
	for _, c := range []struct {
		name     string
		counts   pipeline.Counts
		has, not []string
	}{
		{name: "more is open than is published", counts: p.Counts, has: []string{
			"| at 20:04:05 UTC |", "| rows | 4,000 of 12,000 |", "| rows a second | 1234 |", "| time left | 1m30s |",
			"| MB read, stored | 7,000, 80 |", "| partitions published | 3 of 12 |", "| partitions open | 2 running, 6 queued |",
			"| ok | 3,900 |", "| failed | 100 |", "| – `http_4xx` | 100 |",
			"- `http_4xx: a.parquet row 7: https://x/'| <b> 404 Not Found`", "- `b.parquet: no footer`",
			"- `a-0of3: 5 of 1000 rows in 1m0s, pass 1`", "- `1@a: 2 partitions`",
		}, not: []string{"Held up"}},
		{name: "more is published since then", counts: pipeline.Counts{OK: 5000}, has: []string{"| rows | 7,000 of 12,000 |"}, not: []string{"| failed |"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := p
			p.Counts = c.counts
			got := o.markdown(p)
			for _, want := range c.has {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			for _, no := range c.not {
				if strings.Contains(got, no) {
					t.Errorf("%q is in\n%s", no, got)
				}
			}
		})
	}
}

// What the guard sees is what the UI shows while the run is open, what a pass
// reports is what it shows of its partition, and what is published when it is over.
func TestTheRunShowsWhatItsGuardSees(t *testing.T) {
	free := make(chan struct{})
	s := &stub{partitions: 2, process: func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		info := activity.GetInfo(ctx).WorkflowExecution
		if err := activity.GetClient(ctx).SignalWorkflow(ctx, info.ID, info.RunID, activities.ReportSignal, after(in, 33).Report()); err != nil {
			t.Error(err)
		}
		select {
		case <-free:
			return whole(in), nil
		case <-ctx.Done():
			return activities.ProcessResult{}, ctx.Err()
		}
	}}
	s.guard = func(ctx context.Context, in GuardInput) (pipeline.Counts, error) {
		if !in.Report {
			t.Error("nobody listens")
		}
		o := Overview{At: time.Now(), Counts: pipeline.Counts{OK: 77}, Open: "2 running"}
		if err := activity.GetClient(ctx).SignalWorkflow(ctx, in.WorkflowID, in.RunID, SignalOverview, o); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		return pipeline.Counts{}, ctx.Err()
	}
	w := newWorld(t, s)
	run := w.run(stubInput(2))
	eventually(t, "the UI shows it", time.Minute, func() bool {
		shows := w.details(run.GetID())
		return strings.Contains(shows, "| rows | 77 of 200 |") && strings.Contains(shows, "| partitions open | 2 running |")
	})
	partition := PartitionID(run.GetID(), stubName(1))
	eventually(t, "so does the partition's page", time.Minute, func() bool {
		shows := w.details(partition)
		return strings.Contains(shows, "`part-00001.parquet`, rows 0 to 99: at ") && strings.Contains(shows, "| pass 1 | |\n|---|--:|\n| rows | 33 of 100 |") && strings.Contains(shows, "| ok | 33 |")
	})
	close(free)
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if shows := w.details(partition); !strings.Contains(shows, ": published as `") {
		t.Errorf("at the partition's end:\n%s", shows)
	}
	if shows := w.details(run.GetID()); !strings.Contains(shows, "| rows | 200 of 200 |") || strings.Contains(shows, "running") {
		t.Errorf("at its end:\n%s", shows)
	}
}
