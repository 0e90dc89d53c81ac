package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"sluice/pipeline"
	"sluice/workflows/progress"
)

// slowest is how many of the partitions at work are shown.
const slowest = 3

// particulars are what status says of an open run beside its numbers, a line
// each.
func particulars(s progress.Snapshot) []string {
	var lines []string
	if s.Steered.Paused {
		words := "paused"
		if s.Steered.By != "" {
			words += " by " + s.Steered.By
		}
		if s.Steered.Why != "" {
			words += ": " + oneLine(s.Steered.Why)
		}
		lines = append(lines, words)
	}
	for _, class := range pipeline.Classes {
		if e, ok := s.Examples[class]; ok {
			lines = append(lines, fmt.Sprintf("%-11s%s", class, oneLine(e.String())))
		}
	}
	for i, a := range s.AtWork {
		if i == slowest {
			break
		}
		of := ""
		if a.Of > 0 {
			of = "/" + count(a.Of)
		}
		label := ""
		if i == 0 {
			label = "slowest"
		}
		lines = append(lines, fmt.Sprintf("%-11s%s: %s%s rows in %s, pass %d", label, a.Partition, count(a.Rows), of, span(time.Duration(a.Seconds*float64(time.Second))), a.Pass))
	}
	workers := s.Workers()
	for i, name := range slices.Sorted(maps.Keys(workers)) {
		label := ""
		if i == 0 {
			label = "workers"
		}
		lines = append(lines, fmt.Sprintf("%-11s%s: %s", label, name, many(workers[name], "partition")))
	}
	return lines
}
