package activities

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"sluice/pipeline"
)

// inSuite runs Process in the SDK's test suite.
func inSuite(t *testing.T, a *Activities, in ProcessInput, details ...any) (ProcessResult, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	a.beater = &listener{t: t}
	env.RegisterActivityWithOptions(a.Process, activity.RegisterOptions{Name: ProcessActivity})
	if len(details) > 0 {
		env.SetHeartbeatDetails(details[0])
	}
	value, err := env.ExecuteActivity(ProcessActivity, in)
	if err != nil {
		return ProcessResult{}, err
	}
	var r ProcessResult
	if err := value.Get(&r); err != nil {
		t.Fatal(err)
	}
	return r, nil
}

// upTo is the position after so many of the partition's rows.
func upTo(rows int64, earlier int64) Position {
	return Position{
		Checkpoint: pipeline.Checkpoint{Summary: "so far", Seq: rows, Pass: 1, Next: rows, Counts: pipeline.Counts{OK: rows}},
		Earlier:    earlier,
	}
}

func TestWhereProcessGoesOn(t *testing.T) {
	from := func(p Position) *Position { return &p }
	opening := Position{Checkpoint: pipeline.Checkpoint{Summary: "opening the partition"}}
	for _, c := range []struct {
		name      string
		heartbeat []any
		input     *Position
		copied    int64 // rows in the copy beside the output
		pass      int

		wantFrom, wantEarlier int64
		wantPass              int
	}{
		{name: "at the beginning", pass: 1, wantPass: 1},
		{name: "where the attempt before was", heartbeat: []any{upTo(5, 0)}, pass: 1, wantFrom: 5, wantPass: 1},
		{name: "where an earlier run was", copied: 4, pass: 1, wantFrom: 4, wantEarlier: 4, wantPass: 1},
		{name: "where an attempt that never began was", heartbeat: []any{opening}, copied: 4, pass: 1, wantFrom: 4, wantEarlier: 4, wantPass: 1},
		{name: "at the furthest: the heartbeat", heartbeat: []any{upTo(7, 2)}, copied: 6, pass: 1, wantFrom: 7, wantEarlier: 2, wantPass: 1},
		{name: "at the furthest: the copy", heartbeat: []any{upTo(5, 2)}, copied: 6, pass: 1, wantFrom: 6, wantEarlier: 2, wantPass: 1},
		{name: "where the pass before ended", input: from(upTo(8, 3)), copied: 8, pass: 2, wantFrom: 8, wantEarlier: 3, wantPass: 2},
		{name: "in the second pass", input: from(upTo(8, 3)), heartbeat: []any{upTo(9, 3)}, copied: 8, pass: 2, wantFrom: 9, wantEarlier: 3, wantPass: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, p := plan(t, 10)
			if c.copied > 0 {
				body, err := json.Marshal(upTo(c.copied, 0).Checkpoint)
				if err != nil {
					t.Fatal(err)
				}
				m.objects[p.WorkPrefix()+"checkpoint.json"] = body
			}
			e := &ticker{}
			in := firstPass()
			in.From, in.Pass = c.input, c.pass
			r, err := inSuite(t, newActivities(m, e), in, c.heartbeat...)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.jobs[0].From; got.Next != c.wantFrom || got.Pass != c.wantPass {
				t.Errorf("it went on from row %d in pass %d, want row %d in pass %d", got.Next, got.Pass, c.wantFrom, c.wantPass)
			}
			if !r.Position.Done(p) || r.Position.Earlier != c.wantEarlier || r.Partition != p {
				t.Errorf("the result is %+v", r)
			}
		})
	}
}

func TestHeartbeatsOfAnotherKindAreNoEmptyStart(t *testing.T) {
	m, _ := plan(t, 10)
	e := &ticker{}
	_, err := inSuite(t, newActivities(m, e), firstPass(), "what is this?")
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.NonRetryable() || !strings.Contains(app.Message(), "heartbeat details") {
		t.Fatalf("it ended with %v", err)
	}
	if len(e.jobs) > 0 {
		t.Error("it began")
	}
}

func TestAPublishedPartitionIsNotTouched(t *testing.T) {
	m, p := plan(t, 10)
	e := &ticker{}
	a := newActivities(m, e)
	want := pipeline.Counts{OK: 9, Failed: 1}
	a.Open = func(context.Context, string, string, bool) (pipeline.Output, error) {
		return pipeline.Output{Dataset: m, Store: m, Tables: noTables{published: map[string]pipeline.Counts{p.ManifestKey(): want}}}, nil
	}
	r, err := inSuite(t, a, firstPass())
	if err != nil || r.Published == nil || r.Published.OK != 9 || len(e.jobs) > 0 {
		t.Fatalf("%+v, %v, %d jobs", r, err, len(e.jobs))
	}
}

func TestErrorsInTemporalsTerms(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		kind  string
		final bool
		text  string
	}{
		{"a mistake of the caller", pipeline.Usagef("no column %q", "urll"), UsageType, true, `no column "urll"`},
		{"a file", &pipeline.FileError{File: "a.parquet", Problem: "no footer"}, FileType, true, "a.parquet: no footer"},
		{"a fault", errors.New("the store\nis down"), FaultType, false, "the store is down"},
		{"a long story", errors.New(strings.Repeat("é", 3000)), FaultType, false, strings.Repeat("é", maxMessage/2) + "…"},
		{"a handover", errHandover, YieldType, false, "handed over"},
		{"a pause", activity.ErrActivityPaused, YieldType, false, "paused"},
		{"a reset", activity.ErrActivityReset, YieldType, false, "reset"},
		{"too late", errSuperseded, SupersededType, false, errSuperseded.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var app *temporal.ApplicationError
			if !errors.As(temporalError(c.err), &app) || app.Type() != c.kind || app.NonRetryable() != c.final || app.Message() != c.text {
				t.Errorf("it is %v of type %q", app, app.Type())
			}
		})
	}
	if !temporal.IsCanceledError(temporalError(temporal.NewCanceledError())) {
		t.Error("a cancel is not what it was")
	}
}

func TestACopyThatCannotBeWrittenFailsTheAttempt(t *testing.T) {
	m, _ := plan(t, 10)
	e := &ticker{step: time.Millisecond}
	var once sync.Once
	e.commit = func(_ context.Context, _ pipeline.Job, c pipeline.Checkpoint) {
		if c.Next == 4 {
			once.Do(func() { m.fail(errors.New("memory: the disk is full")) })
		}
	}
	_, err := inSuite(t, newActivities(m, e), firstPass())
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != FaultType || app.Message() != "memory: the disk is full" {
		t.Fatalf("it ended with %v", err)
	}
	if rows, _ := e.done(); !slices.Equal(rows, []int64{0, 1, 2}) {
		t.Errorf("it went on: rows %v", rows)
	}
}
