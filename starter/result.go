package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sluice/pipeline"
	"sluice/workflows/progress"
)

// result is how a run stands or ended: the JSON of run, watch, status and list.
// Counts are the whole output's, but for New.
type result struct {
	Output          string                   `json:"output"` // URL
	WorkflowID      string                   `json:"workflow_id"`
	Status          progress.Status          `json:"status"`
	Rows            int64                    `json:"rows"`
	OK              int64                    `json:"ok"`
	Failed          int64                    `json:"failed"`
	Skipped         int64                    `json:"skipped"`
	Partitions      int                      `json:"partitions"`
	BytesIn         int64                    `json:"bytes_in"`
	BytesOut        int64                    `json:"bytes_out"`
	Seconds         float64                  `json:"seconds"`
	ImagesPerSecond float64                  `json:"images_per_second"` // of New, over Seconds
	Errors          map[pipeline.Class]int64 `json:"errors"`            // never null
	Manifest        string                   `json:"manifest"`          // URL of a folder
	New             int64                    `json:"new"`               // rows that this run did
	// Error is why the run failed, Failures the first partitions that did.
	Error    string   `json:"error,omitempty"`
	Failures []string `json:"failures,omitempty"`

	published int // partitions
}

func newResult(t target, s progress.Snapshot) result {
	r := result{
		Output:     t.output,
		WorkflowID: t.id,
		Status:     s.Status,
		Rows:       s.Rows,
		OK:         s.Counts.OK,
		Failed:     s.Counts.Failed,
		Skipped:    s.Counts.Skipped,
		Partitions: s.Partitions.All,
		BytesIn:    s.Counts.BytesIn,
		BytesOut:   s.Counts.BytesOut,
		Seconds:    math.Round(s.Elapsed().Seconds()*1000) / 1000,
		Errors:     s.Counts.Errors,
		Manifest:   t.manifest(),
		New:        s.New,
		Failures:   s.Failures,
		published:  s.Partitions.Done,
	}
	if r.Seconds > 0 {
		r.ImagesPerSecond = math.Round(float64(r.New)/r.Seconds*100) / 100
	}
	if r.Errors == nil {
		r.Errors = map[pipeline.Class]int64{}
	}
	return r
}

// String is the result for people.
func (r result) String() string {
	var b strings.Builder
	took := time.Duration(r.Seconds * float64(time.Second))
	switch {
	case r.New > 0:
		fmt.Fprintf(&b, "%s: %s in %s, %s\n", r.Status, many(r.New, "row"), span(took), rate(r.ImagesPerSecond))
	case r.Status == progress.Succeeded:
		fmt.Fprintf(&b, "%s: nothing new, in %s\n", r.Status, span(took))
	case r.Status.Open():
		fmt.Fprintf(&b, "%s for %s\n", r.Status, span(took))
	default:
		fmt.Fprintf(&b, "%s after %s\n", r.Status, span(took))
	}
	line := func(name, value, note string) {
		if note != "" {
			value += "  (" + note + ")"
		}
		fmt.Fprintf(&b, "  %-11s%s\n", name, value)
	}
	if r.Error != "" && r.Status != progress.Cancelled {
		line("because", oneLine(r.Error), "")
	}
	for _, f := range r.Failures {
		if f = oneLine(f); !strings.Contains(oneLine(r.Error), f) { // it names them, too
			line("", f, "")
		}
	}
	partitions := many(r.Partitions, "partition")
	if r.published < r.Partitions {
		partitions = fmt.Sprintf("%s of %s published", count(r.published), partitions)
	}
	line("rows", count(r.Rows), partitions)
	line("ok", count(r.OK), "")
	line("failed", count(r.Failed), classes(r.Errors))
	line("skipped", count(r.Skipped), "")
	line("bytes", size(r.BytesIn)+" in, "+size(r.BytesOut)+" out", "")
	line("output", r.Output, "")
	line("manifest", r.Manifest, "")
	return b.String()
}

// show prints r, with what else there is to say of it to people.
func (c *cli) show(r result, more ...string) {
	if c.json {
		c.printJSON(r)
		return
	}
	fmt.Fprint(c.stdout, r, strings.Join(more, ""))
}
