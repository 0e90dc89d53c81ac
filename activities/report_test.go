package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluice/pipeline"
)

// A pass tells of itself when it takes a while, and then seldom.
func TestReports(t *testing.T) {
	begun := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	var sent []Report
	r := &reporter{begun: begun, signal: func(ctx context.Context, r Report) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("it may hold the pass up for as long as it likes")
		}
		sent = append(sent, r)
		return errors.New("the server is away")
	}}
	for _, c := range []struct {
		name  string
		after time.Duration
		sends bool
	}{
		{"it has only begun", 2 * time.Second, false},
		{"it takes a while", 6 * time.Second, true},
		{"it was told of", 30 * time.Second, false},
		{"half a minute later", 36 * time.Second, true},
		{"after an hour", time.Hour, true},
		{"five minutes are soon then", time.Hour + 5*time.Minute, false},
		{"seven are not", time.Hour + 7*time.Minute, true},
	} {
		before := len(sent)
		p := pipeline.Partition{File: "a.parquet", Rows: 1000, Redo: &pipeline.Redo{ID: "1"}}
		at := Position{Checkpoint: pipeline.Checkpoint{Pass: 2, Counts: pipeline.Counts{OK: 7}}}
		r.committed(t.Context(), begun.Add(c.after), ProcessResult{Partition: p, Position: at})
		if sends := len(sent) > before; sends != c.sends {
			t.Errorf("%s: it sends: %v", c.name, sends)
		}
	}
	if last := sent[len(sent)-1]; last.Partition.File != "a.parquet" || last.Partition.Redo != nil || last.Pass != 2 || last.Counts.OK != 7 {
		t.Errorf("%+v", last)
	}
}
