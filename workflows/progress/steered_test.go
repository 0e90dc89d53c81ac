package progress

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/pipeline"
	"sluice/workflows"
)

// remember puts v into a workflow's memo.
func (f *fake) remember(t *testing.T, id, key string, v any) {
	t.Helper()
	f.workflows[id].WorkflowExecutionInfo.Memo.Fields[key] = payload(t, v)
}

// A run of 100,000 partitions costs what its window costs: a call for the run, one
// for each slice that is open, and one for each partition that is.
func TestALargeRunCostsWhatIsOpenOfIt(t *testing.T) {
	f := newFake()
	var calls atomic.Int64
	f.during = func() { calls.Add(1) }
	var slices []string
	for s := range 8 {
		id := fmt.Sprintf("slice-%d", s)
		slices = append(slices, id)
		var open []string
		for p := range 8 {
			open = append(open, fmt.Sprintf("p-%d-%d", s, p))
			f.at(t, open[p], 100)
		}
		f.workflow(t, id, workflows.Progress{Planned: true, Partitions: 300, Published: 100, Counts: pipeline.Counts{OK: 1_000_000}}, open...)
	}
	f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 1_000_000_000, Partitions: 100_000, Published: 50_000, Counts: pipeline.Counts{OK: 500_000_000}}, slices...)
	s := read(t, reader(f))
	if want := int64(508_000_000 + 64*100); s.Counts.OK != want || s.Partitions.Running != 64 || len(s.AtWork) != 64 {
		t.Errorf("%d rows, want %d; %d partitions at work", s.Counts.OK, want, len(s.AtWork))
	}
	if n := calls.Load(); n != 1+8+64 {
		t.Errorf("%d calls", n)
	}
}

func TestWhoIsAtWhatAndHowLong(t *testing.T) {
	f := newFake()
	for id, rows := range map[string]int64{"quick": 900, "slow": 100, "begun": 0} {
		a := f.at(t, id, rows)
		p := ok(rows)
		p.Of, p.Examples = 1000, pipeline.Examples{pipeline.HTTP4xx: {Row: rows, File: id, Message: "404 Not Found"}}
		a.HeartbeatDetails = &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(t, p)}}
		a.LastWorkerIdentity = map[bool]string{true: "1@a", false: "2@b"}[id == "quick"]
	}
	f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 3000, Partitions: 3}, "quick", "slow", "begun")
	s := read(t, reader(f))
	var order []string
	for _, a := range s.AtWork {
		order = append(order, a.Partition)
	}
	if fmt.Sprint(order) != "[begun slow quick]" {
		t.Errorf("the slowest first: %v", order)
	}
	if w := s.Workers(); w["1@a"] != 1 || w["2@b"] != 2 {
		t.Errorf("workers %v", w)
	}
	if a := s.AtWork[1]; a.Rows != 100 || a.Of != 1000 || a.Seconds != 60 || a.Pass != 1 {
		t.Errorf("%+v", a)
	}
	if e := s.Examples[pipeline.HTTP4xx]; e.Message != "404 Not Found" {
		t.Errorf("examples %+v", s.Examples)
	}
}

// Of a partition that is paused, nobody heartbeats.
func TestRowsOfAPausedRunCount(t *testing.T) {
	f := newFake()
	f.at(t, "p", 0)
	f.workflows["p"].PendingActivities = nil
	f.remember(t, "p", workflows.MemoStanding, workflows.Standing{Counts: pipeline.Counts{OK: 70}, Earlier: 20})
	f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 100, Partitions: 1}, "p")
	f.remember(t, runID, workflows.MemoSteered, workflows.Steered{ID: "1", Steering: workflows.Steering{Paused: true, By: "me"}})
	s := read(t, reader(f))
	if s.Status != Paused || !s.Status.Open() || s.Steered.By != "me" || s.Partitions.Paused != 1 || s.Partitions.Waiting != 0 {
		t.Errorf("%s, %+v, %+v", s.Status, s.Steered, s.Partitions)
	}
	if s.Counts.OK != 70 || s.New != 50 || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// A guard whose worker died is at another one: nothing is held up.
func TestAGuardThatIsAtItAgainIsNoTrouble(t *testing.T) {
	f := newFake()
	w := f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 100, Partitions: 1})
	guard := &workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: workflows.GuardActivity}, Attempt: 2, LastStartedTime: timestamppb.New(started),
		State:       enumspb.PENDING_ACTIVITY_STATE_STARTED,
		LastFailure: &failurepb.Failure{Message: "its worker died"},
	}
	w.PendingActivities = []*workflowpb.PendingActivityInfo{guard}
	if s := read(t, reader(f)); len(s.Troubles) != 0 || s.Busy != 0 {
		t.Errorf("%+v, and %d activities are taken for busy", s.Troubles, s.Busy)
	}
	guard.State = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
	if s := read(t, reader(f)); len(s.Troubles) != 1 {
		t.Errorf("while no worker has it: %+v", s.Troubles)
	}
}

// The guard returns once more rows of this run have failed than is tolerated;
// those of earlier runs are none of its business.
func TestGuard(t *testing.T) {
	f := newFake()
	a := f.at(t, "p", 0)
	fail := func(n int64) {
		p := ok(950)
		p.Counts.Failed, p.Counts.Errors = n, map[pipeline.Class]int64{pipeline.Timeout: n}
		a.HeartbeatDetails = &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(t, p)}}
	}
	earlier := pipeline.Counts{Failed: 5000, Errors: map[pipeline.Class]int64{pipeline.Timeout: 5000}}
	f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 6000, Partitions: 2, Earlier: 1, Done: earlier}, "p")
	looks := 0
	fail(50)
	f.during = func() {
		if looks++; looks == 5 { // two calls a look
			fail(51)
		}
	}
	g := guard{in: workflows.GuardInput{Tolerate: "5%", Every: time.Millisecond}, reader: reader(f)}
	c, err := g.watch(t.Context())
	if err != nil || looks != 6 || c.Failed != 51 || c.Rows() != 1001 || c.Errors[pipeline.Timeout] != 51 {
		t.Errorf("after %d looks: %+v, %v", looks, c, err)
	}
}

func TestTheGuardEndsWithItsContext(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, workflows.Progress{Planned: true})
	ctx, cancel := context.WithCancel(t.Context())
	f.during = cancel
	g := guard{in: workflows.GuardInput{Tolerate: "5%"}, reader: reader(f)}
	if _, err := g.watch(ctx); err == nil {
		t.Error("no error")
	}
}

// The guard tells of what is new, and seldom: more so the longer the run takes.
func TestTheGuardTells(t *testing.T) {
	f := newFake()
	a := f.at(t, "p", 0)
	a.LastWorkerIdentity = "1@a"
	f.workflow(t, runID, workflows.Progress{Planned: true, Rows: 1000, Partitions: 2}, "p")
	r := reader(f)
	now := started
	r.now = func() time.Time { return now }
	var told []workflows.Overview
	g := guard{reader: r, tell: func(o workflows.Overview) error {
		told = append(told, o)
		return nil
	}}
	for _, look := range []struct {
		name  string
		after time.Duration // since the run began
		rows  int64
		tells bool
	}{
		{"the partition has begun", 5 * time.Second, 0, true},
		{"nothing is new", 10 * time.Second, 0, false},
		{"rows are done", 15 * time.Second, 100, true},
		{"it was told of a moment ago", 15*time.Second + 100*time.Millisecond, 200, false},
		{"an hour later", time.Hour, 400, true},
		{"a minute is soon, after an hour", time.Hour + time.Minute, 500, false},
		{"and two are not", time.Hour + 2*time.Minute, 500, true},
	} {
		now = started.Add(look.after)
		p := ok(look.rows)
		p.Of = 1000
		a.HeartbeatDetails = &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(t, p)}}
		before := len(told)
		if err := g.report(read(t, r)); err != nil {
			t.Fatal(err)
		}
		if tells := len(told) > before; tells != look.tells {
			t.Errorf("%s: it tells: %v", look.name, tells)
		}
	}
	if pause := g.pause(read(t, r)); pause != (time.Hour+2*time.Minute)/seldom {
		t.Errorf("the next look is after %s", pause)
	}
	if g.in.Tolerate = "5%"; g.pause(read(t, r)) != workflows.GuardEvery {
		t.Error("a tolerance is not looked after in time")
	}
	last := told[len(told)-1]
	if last.Counts.OK != 500 || last.Open != "1 running" || len(last.Slowest) != 1 || fmt.Sprint(last.Workers) != "[1@a: 1 partition]" {
		t.Errorf("%+v", last)
	}
}

// What is not known is not said, and who is paused has no attempt that failed.
func TestOverviewSaysWhatIsKnown(t *testing.T) {
	o := overview(Snapshot{
		AtWork:   []AtWork{{Partition: "begun", Pass: 1}, {Partition: "known", Rows: 3, Of: 9, Pass: 2, Seconds: 5}},
		Troubles: []Trouble{{Partition: "p", Attempt: 4, Message: "the store is away"}, {Activity: "Plan", Attempt: 2, Paused: true, Message: "paused by ann"}},
	}, &Meter{})
	if got, want := fmt.Sprint(o.Slowest), "[begun: 0 rows in 0s, pass 1 known: 3 of 9 rows in 5s, pass 2]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(o.Troubles), "[p, attempt 4: the store is away Plan: paused by ann]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
