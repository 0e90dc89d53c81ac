package main

import (
	"strings"
	"testing"

	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// Status and watch say the same of an open run beside its numbers.
func TestParticulars(t *testing.T) {
	s := progress.Snapshot{
		Planned: true, Rows: 100,
		Steered:  workflows.Steered{ID: "1", Steering: workflows.Steering{Paused: true, By: "me", Why: "the origin\ncomplains"}},
		Examples: pipeline.Examples{pipeline.HTTP4xx: {File: "a.parquet", Row: 7, Source: "http://x/7.jpg", Message: "404 Not Found"}},
		AtWork: []progress.AtWork{
			{Partition: "p-1", Pass: 2, Rows: 10, Of: 1000, Seconds: 90, Worker: "1@a"},
			{Partition: "p-2", Pass: 1, Rows: 5, Seconds: 3, Worker: "2@b"},
			{Partition: "p-3", Worker: "2@b"},
			{Partition: "p-4", Worker: "2@b"},
		},
	}
	want := []string{
		"paused by me: the origin complains",
		"http_4xx   a.parquet row 7: http://x/7.jpg 404 Not Found",
		"slowest    p-1: 10/1,000 rows in 1 min 30 s, pass 2",
		"           p-2: 5 rows in 3 s, pass 1",
		"           p-3: 0 rows in 0 s, pass 0",
		"workers    1@a: 1 partition",
		"           2@b: 3 partitions",
	}
	got := particulars(s)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	var lines []string
	for _, l := range render(view{Snapshot: s}, 60) {
		lines = append(lines, l.String())
	}
	text := strings.Join(lines, "\n")
	for _, l := range want {
		if !strings.Contains(text, l[:min(len(l), 40)]) {
			t.Errorf("watch does not show %q:\n%s", l, text)
		}
	}
}
