package progress

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/workflows"
)

const runID = "sluice:file:///out"

var (
	started = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	now     = started.Add(time.Minute)
)

// fake is a Temporal that knows these workflows.
type fake struct {
	workflows map[string]*workflowservice.DescribeWorkflowExecutionResponse
	during    func() // unless nil, called in each call
}

func (f *fake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if f.during != nil {
		f.during()
	}
	w := f.workflows[id]
	if w == nil {
		return nil, serviceerror.NewNotFound("no workflow " + id)
	}
	return w, nil
}

func newFake() *fake {
	return &fake{workflows: map[string]*workflowservice.DescribeWorkflowExecutionResponse{}}
}

func payload(t *testing.T, v any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// workflow puts a workflow with a memo into f; children are ids of it.
func (f *fake) workflow(t *testing.T, id string, p workflows.Progress, children ...string) *workflowservice.DescribeWorkflowExecutionResponse {
	w := &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run of " + id},
			Status:    enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
			StartTime: timestamppb.New(started),
			Memo:      &commonpb.Memo{Fields: map[string]*commonpb.Payload{workflows.MemoProgress: payload(t, p)}},
		},
	}
	for _, c := range children {
		kind := workflows.PartitionWorkflow
		if len(c) > 5 && c[:5] == "slice" {
			kind = workflows.SliceWorkflow
		}
		w.PendingChildren = append(w.PendingChildren, &workflowpb.PendingChildExecutionInfo{WorkflowId: c, RunId: "run of " + c, WorkflowTypeName: kind})
	}
	f.workflows[id] = w
	return w
}

// at puts an open partition into f, of which so many rows are ok.
func (f *fake) at(t *testing.T, id string, rows int64) *workflowpb.PendingActivityInfo {
	a := &workflowpb.PendingActivityInfo{
		ActivityType:     &commonpb.ActivityType{Name: activities.ProcessActivity},
		State:            enumspb.PENDING_ACTIVITY_STATE_STARTED,
		Attempt:          1,
		LastStartedTime:  timestamppb.New(started),
		HeartbeatDetails: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(t, ok(rows))}},
	}
	w := f.workflow(t, id, workflows.Progress{})
	w.PendingActivities = []*workflowpb.PendingActivityInfo{a}
	return a
}

func ok(rows int64) activities.Position {
	return activities.Position{Checkpoint: pipeline.Checkpoint{
		Seq: rows, Pass: 1, Next: rows, At: started.Add(time.Second),
		Counts: pipeline.Counts{OK: rows, BytesIn: 100 * rows, BytesOut: 10 * rows},
	}}
}

func reader(f *fake) *Reader {
	r := NewReader(f, runID, "")
	r.now = func() time.Time { return now }
	return r
}

func read(t *testing.T, r *Reader) Snapshot {
	t.Helper()
	s, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func planned(rows int64, partitions int) workflows.Progress {
	return workflows.Progress{Planned: true, Rows: rows, Partitions: partitions}
}

func TestRowsOfPartitionsThatAreOpenCount(t *testing.T) {
	f := newFake()
	p := planned(1000, 10)
	p.Done, p.Earlier = pipeline.Counts{OK: 100}, 1
	p.Counts, p.Published = pipeline.Counts{OK: 180, Failed: 20, Errors: map[pipeline.Class]int64{pipeline.Timeout: 20}}, 2
	f.workflow(t, runID, p, "a", "b")
	f.at(t, "a", 30)
	f.at(t, "b", 7)

	s := read(t, reader(f))
	if got, want := s.Counts.Rows(), int64(337); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	if got, want := s.New, int64(237); got != want {
		t.Errorf("%d new, want %d", got, want)
	}
	if got, want := s.Partitions, (Partitions{All: 10, Done: 3, Running: 2}); got != want {
		t.Errorf("partitions %+v, want %+v", got, want)
	}
	if s.Counts.Errors[pipeline.Timeout] != 20 || s.Counts.BytesIn != 3700 {
		t.Errorf("counts %+v", s.Counts)
	}
}

func TestRowsOfSlicesCount(t *testing.T) {
	f := newFake()
	p := planned(10_000, 100)
	p.Counts, p.Published = pipeline.Counts{OK: 1000}, 10
	f.workflow(t, runID, p, "slice-1", "slice-2")
	f.workflow(t, "slice-1", workflows.Progress{Counts: pipeline.Counts{OK: 200}, Published: 2, Failed: 1, Failures: []string{"a.parquet: bad"}}, "a")
	f.workflow(t, "slice-2", workflows.Progress{}, "b", "c")
	f.at(t, "a", 30)
	f.at(t, "b", 5)
	f.at(t, "c", 1)

	s := read(t, reader(f))
	if got, want := s.Counts.Rows(), int64(1236); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	if got, want := s.Partitions, (Partitions{All: 100, Done: 12, Failed: 1, Running: 3}); got != want {
		t.Errorf("partitions %+v, want %+v", got, want)
	}
	if len(s.Failures) != 1 {
		t.Errorf("failures %q", s.Failures)
	}
}

func TestWhatEarlierRunsDidOfAPartitionIsNotNew(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, planned(100, 1), "a")
	p := ok(60)
	p.Earlier = 50
	f.at(t, "a", 0).HeartbeatDetails.Payloads[0] = payload(t, p)
	if s := read(t, reader(f)); s.Counts.Rows() != 60 || s.New != 10 {
		t.Errorf("%d rows, %d new; want 60, 10", s.Counts.Rows(), s.New)
	}
}

// The memo may be minutes behind: what was last seen of a partition counts until
// the memo has it, and the sum neither falls nor counts it twice.
func TestRowsOfAPartitionThatHasClosedCountBeforeTheMemoHasThem(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, planned(1000, 10), "a", "b")
	f.at(t, "a", 90)
	f.at(t, "b", 10)
	r := reader(f)
	expect := func(when string, rows int64) {
		t.Helper()
		if s := read(t, r); s.Counts.Rows() != rows {
			t.Errorf("%s: %d rows, want %d", when, s.Counts.Rows(), rows)
		}
	}
	expect("at first", 100)

	f.workflow(t, runID, planned(1000, 10), "b", "c")
	f.at(t, "b", 20)
	f.at(t, "c", 5)
	expect("a is published", 115)
	f.at(t, "c", 6)
	expect("and the memo lags", 116)

	p := planned(1000, 10)
	p.Counts, p.Published = pipeline.Counts{OK: 100}, 1
	f.workflow(t, runID, p, "b", "c")
	expect("and has it", 126)
}

func TestRowsOfASliceThatHasClosedCountBeforeTheMemoHasThem(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, planned(1000, 10), "slice-1")
	f.workflow(t, "slice-1", workflows.Progress{Counts: pipeline.Counts{OK: 300}, Published: 3}, "a")
	f.at(t, "a", 50)
	r := reader(f)
	read(t, r)

	f.workflow(t, runID, planned(1000, 10), "slice-2")
	f.workflow(t, "slice-2", workflows.Progress{}, "b")
	f.at(t, "b", 25)
	if s := read(t, r); s.Counts.Rows() != 375 {
		t.Errorf("%d rows, want 375", s.Counts.Rows())
	}

	p := planned(1000, 10)
	p.Counts, p.Published = pipeline.Counts{OK: 400}, 4
	f.workflow(t, runID, p, "slice-2")
	if s := read(t, r); s.Counts.Rows() != 425 {
		t.Errorf("%d rows, want 425", s.Counts.Rows())
	}
}

func TestRowsOfAPartitionBetweenPassesCount(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, planned(1000, 10), "a")
	f.at(t, "a", 90)
	r := reader(f)
	read(t, r)
	f.workflow(t, "a", workflows.Progress{}) // waits on a timer
	s := read(t, r)
	if s.Counts.Rows() != 90 || s.Partitions.Waiting != 1 || s.Partitions.Running != 0 {
		t.Errorf("%d rows, %+v; want 90, one waiting", s.Counts.Rows(), s.Partitions)
	}
}

// Whatever is read, the numbers shown of an open run never fall.
func TestNumbersNeverFall(t *testing.T) {
	f := newFake()
	p := planned(1000, 10)
	p.Counts = pipeline.Counts{OK: 200, Failed: 20, Errors: map[pipeline.Class]int64{pipeline.Timeout: 20}}
	p.Published = 2
	f.workflow(t, runID, p)
	r := reader(f)
	before := read(t, r)
	f.workflow(t, runID, planned(1000, 10)) // as a reset leaves it
	after := read(t, r)
	if after.Counts.Rows() < before.Counts.Rows() || after.Counts.Errors[pipeline.Timeout] < 20 ||
		after.Partitions.Done < before.Partitions.Done || after.New < before.New {
		t.Errorf("from %+v to %+v", before, after)
	}
}

func TestAnEndedRunShowsItsMemoAsItIs(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, planned(100, 1), "a")
	f.at(t, "a", 90)
	r := reader(f)
	read(t, r)
	w := f.workflow(t, runID, planned(100, 1))
	w.WorkflowExecutionInfo.Status = enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
	w.WorkflowExecutionInfo.CloseTime = timestamppb.New(started.Add(90 * time.Second))
	s := read(t, r)
	if s.Status != Cancelled || s.Counts.Rows() != 0 || s.Elapsed() != 90*time.Second {
		t.Errorf("%s, %d rows, %s", s.Status, s.Counts.Rows(), s.Elapsed())
	}
}

func TestChildrenThatComeAndGoAreNoError(t *testing.T) {
	f := newFake()
	w := f.workflow(t, runID, planned(100, 3), "gone", "coming", "here")
	w.PendingChildren[1].RunId = ""
	f.at(t, "here", 4)
	if s := read(t, reader(f)); s.Counts.Rows() != 4 {
		t.Errorf("%d rows, want 4", s.Counts.Rows())
	}
}

func TestAtMostEightCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions = 20
		f := newFake()
		var ids []string
		for i := range partitions {
			ids = append(ids, fmt.Sprint("p", i))
			f.at(t, ids[i], 1)
		}
		f.workflow(t, runID, planned(1000, partitions), ids...)
		var inside atomic.Int32
		gate := make(chan struct{})
		f.during = func() { inside.Add(1); <-gate; inside.Add(-1) }

		var rows int64
		go func() { rows = read(t, reader(f)).Counts.Rows() }()
		for _, want := range []int32{1, 8, 8, 4, 0} { // the run, then its partitions
			synctest.Wait()
			if got := inside.Load(); got != want {
				t.Errorf("%d calls at once, want %d", got, want)
			}
			for range inside.Load() {
				gate <- struct{}{}
			}
		}
		if rows != partitions {
			t.Errorf("%d rows, want %d", rows, partitions)
		}
	})
}

func TestTheNextRunOfAResetOneIsFollowed(t *testing.T) {
	d := describerFunc(func(_, run string) *workflowservice.DescribeWorkflowExecutionResponse {
		w := newFake().workflow(t, runID, planned(100, 1))
		w.WorkflowExecutionInfo.Execution.RunId = run
		if run == "first" {
			w.WorkflowExecutionInfo.Status = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
			w.WorkflowExtendedInfo = &workflowpb.WorkflowExecutionExtendedInfo{ResetRunId: "second"}
		}
		return w
	})
	s, err := NewReader(d, runID, "first").Read(t.Context())
	if err != nil || s.RunID != "second" || s.Status != Running {
		t.Errorf("run %q, %s, %v; want second, running", s.RunID, s.Status, err)
	}
}

type describerFunc func(id, run string) *workflowservice.DescribeWorkflowExecutionResponse

func (f describerFunc) DescribeWorkflowExecution(_ context.Context, id, run string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return f(id, run), nil
}

func TestTroubles(t *testing.T) {
	failed := func(message string) func(*workflowpb.PendingActivityInfo) {
		return func(a *workflowpb.PendingActivityInfo) {
			a.State, a.Attempt = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, 4
			a.LastFailure = &failurepb.Failure{Message: message}
		}
	}
	for _, c := range []struct {
		name    string
		change  func(*workflowpb.PendingActivityInfo)
		says    string // "" is no trouble
		retries int
	}{
		{"all is well", func(*workflowpb.PendingActivityInfo) {}, "", 0},
		{"storage is down", failed("store file:///out: no space left"), "store file:///out: no space left", 1},
		{"it is tried again, and has not got past it", func(a *workflowpb.PendingActivityInfo) {
			failed("no space left")(a)
			a.State = enumspb.PENDING_ACTIVITY_STATE_STARTED
			a.LastStartedTime = timestamppb.New(started.Add(time.Hour))
		}, "no space left", 0},
		{"it has got past it", func(a *workflowpb.PendingActivityInfo) {
			failed("no space left")(a)
			a.State = enumspb.PENDING_ACTIVITY_STATE_STARTED
		}, "", 0},
		{"a worker hands over", func(a *workflowpb.PendingActivityInfo) {
			failed("the worker stops")(a)
			a.LastFailure.FailureInfo = &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{
				Category: enumspb.APPLICATION_ERROR_CATEGORY_BENIGN,
			}}
		}, "", 0},
		{"a worker died", func(a *workflowpb.PendingActivityInfo) {
			failed("activity Heartbeat timeout")(a)
			a.LastFailure.FailureInfo = &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{
				TimeoutType: enumspb.TIMEOUT_TYPE_HEARTBEAT,
			}}
		}, "its worker fell silent; another one takes over", 1},
		{"an operator paused it", func(a *workflowpb.PendingActivityInfo) {
			a.State, a.Paused = enumspb.PENDING_ACTIVITY_STATE_PAUSED, true
			a.PauseInfo = &workflowpb.PendingActivityInfo_PauseInfo{PausedBy: &workflowpb.PendingActivityInfo_PauseInfo_Manual_{
				Manual: &workflowpb.PendingActivityInfo_PauseInfo_Manual{Identity: "ann", Reason: "the origin complains"},
			}}
		}, "paused by ann: the origin complains", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.workflow(t, runID, planned(100, 1), runID+"/part-1")
			c.change(f.at(t, runID+"/part-1", 5))
			s := read(t, reader(f))
			switch {
			case c.says == "" && len(s.Troubles) != 0:
				t.Errorf("troubles %+v, want none", s.Troubles)
			case c.says != "" && (len(s.Troubles) != 1 || s.Troubles[0].Message != c.says || s.Troubles[0].Partition != "part-1"):
				t.Errorf("troubles %+v, want %q of part-1", s.Troubles, c.says)
			}
			if s.Partitions.Retrying != c.retries {
				t.Errorf("partitions %+v, want %d retrying", s.Partitions, c.retries)
			}
		})
	}
}

func TestWorkThatNobodyTakes(t *testing.T) {
	task := func(age time.Duration) *workflowpb.PendingWorkflowTaskInfo {
		return &workflowpb.PendingWorkflowTaskInfo{State: enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, ScheduledTime: timestamppb.New(now.Add(-age))}
	}
	f := newFake()
	r := reader(f)
	f.workflow(t, runID, workflows.Progress{}).PendingWorkflowTask = task(time.Second)
	if s := read(t, r); s.Unheard != time.Second {
		t.Errorf("unheard for %s, want 1 s", s.Unheard)
	}
	f.workflow(t, runID, workflows.Progress{}).PendingWorkflowTask = task(4 * time.Second)
	if s := read(t, r); s.Unheard != 4*time.Second {
		t.Errorf("unheard for %s, want 4 s", s.Unheard)
	}
	f.workflow(t, runID, planned(100, 2), "a", "b")
	waits := f.at(t, "a", 0)
	waits.State, waits.ScheduledTime = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, timestamppb.New(now.Add(-time.Minute))
	f.at(t, "b", 1)
	if s := read(t, r); s.Unheard != 0 || s.Busy != 1 || s.Untaken != 1 {
		t.Errorf("unheard %s, busy %d, untaken %d; want 0s, 1, 1", s.Unheard, s.Busy, s.Untaken)
	}
}

func TestStepsBeforeThePlan(t *testing.T) {
	f := newFake()
	f.workflow(t, runID, workflows.Progress{}).PendingActivities = []*workflowpb.PendingActivityInfo{{
		ActivityType:     &commonpb.ActivityType{Name: activities.PlanActivity},
		State:            enumspb.PENDING_ACTIVITY_STATE_STARTED,
		HeartbeatDetails: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(t, pipeline.PlanProgress{Files: 7, Rows: 70, Partitions: 8})}},
	}}
	if s := read(t, reader(f)); s.Planned || s.Step != (Step{Files: 7, Partitions: 8, Rows: 70}) {
		t.Errorf("planned %t, %+v", s.Planned, s.Step)
	}
}
