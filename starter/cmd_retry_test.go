package main

import (
	"testing"
	"time"

	"sluice/pipeline"
	"sluice/workflows"
)

// A retry goes at the pace of the latest run, and tolerates whatever comes.
func TestARetryTakesThePaceOfTheLatestRun(t *testing.T) {
	last := workflows.RunInput{
		Spec:   pipeline.Spec{Input: "s3://in", Column: "url"},
		Output: "s3://out", InFlight: 7, HeartbeatTimeout: time.Minute, Waits: []time.Duration{time.Hour}, Tolerate: "5%",
	}
	sel := pipeline.Selection{Classes: []pipeline.Class{pipeline.Timeout}}
	in := place{input: "s3://in?region=x", output: "s3://out?region=x", run: &last}.redo(sel)
	if in.InFlight != 7 || in.HeartbeatTimeout != time.Minute || len(in.Waits) != 1 || in.Tolerate != "" {
		t.Errorf("%+v", in)
	}
	if in.Spec.Input != "s3://in?region=x" || in.Spec.Column != "" || in.Output != "s3://out?region=x" || len(in.Redo.Classes) != 1 {
		t.Errorf("%+v", in)
	}
	if in := (place{output: "s3://out"}).redo(sel); in.InFlight != 64 || len(in.Waits) != 2 {
		t.Errorf("without one: %+v", in)
	}
}
