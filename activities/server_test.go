package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

// What a real server does to a partition. None of it may cost a row: each is
// done once, however often its partition changes hands.

// whole checks that the run came to an end with each row done once.
func (r *rig) whole(run client.WorkflowRun, e *ticker, rows int64) {
	r.t.Helper()
	var result ProcessResult
	if err := run.Get(context.WithoutCancel(r.t.Context()), &result); err != nil {
		r.t.Fatal(err)
	}
	if result.Position.Counts.OK != rows {
		r.t.Errorf("the result is %+v", result)
	}
	got, _ := e.done()
	slices.Sort(got)
	for i := range rows {
		if int64(len(got)) != rows || got[i] != i {
			r.t.Fatalf("the rows that were done are %v", got)
		}
	}
}

// row waits until a row is done.
func (r *rig) row(e *ticker, row int64) {
	r.t.Helper()
	eventually(r.t, "a row is done", time.Minute, func() bool {
		rows, _ := e.done()
		return slices.Contains(rows, row)
	})
}

// pending is the activity as the server sees it.
func (r *rig) pending() (attempt int32, details Position, failure string) {
	r.t.Helper()
	d, err := r.client.DescribeWorkflowExecution(r.t.Context(), "run", "")
	if err != nil || len(d.GetPendingActivities()) == 0 {
		return 0, Position{}, ""
	}
	a := d.GetPendingActivities()[0]
	if a.GetHeartbeatDetails() != nil {
		if err := converter.GetDefaultDataConverter().FromPayloads(a.GetHeartbeatDetails(), &details); err != nil {
			r.t.Fatal(err)
		}
	}
	return a.GetAttempt(), details, a.GetLastFailure().GetMessage()
}

func TestAWorkerThatStopsHandsItsPartitionOverAtOnce(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 60)
	e := &ticker{step: 50 * time.Millisecond}
	var began time.Time
	first := r.work(newActivities(m, e))
	run := r.run(30 * time.Second)
	r.row(e, 10)
	r.work(newActivities(m, e))
	began = time.Now()
	first.Stop()
	var taken time.Duration
	eventually(t, "the other worker has it", 10*time.Second, func() bool {
		_, from := e.done()
		taken = time.Since(began)
		return len(from) == 2
	})
	t.Logf("handed over within %s, heartbeat timeout 30 s", taken.Round(time.Millisecond))
	if attempt, _, failure := r.pending(); attempt != 2 || failure != "handed over" {
		t.Errorf("attempt %d after %q", attempt, failure)
	}
	r.whole(run, e, 60)
}

func TestACancelEndsInOrder(t *testing.T) {
	r := newRig(t)
	m, p := plan(t, 1000)
	e := &ticker{step: 20 * time.Millisecond}
	r.work(newActivities(m, e))
	run := r.run(10 * time.Second)
	r.row(e, 10)
	began := time.Now()
	if err := r.client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Fatalf("it ended with %v", err)
	}
	t.Logf("cancelled within %s", time.Since(began).Round(time.Millisecond))
	var canceled bool
	it := r.client.GetWorkflowHistory(t.Context(), run.GetID(), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		canceled = canceled || event.GetActivityTaskCanceledEventAttributes() != nil
	}
	if !canceled {
		t.Error("the activity did not end as cancelled")
	}
	rows, _ := e.done()
	c, err := (pipeline.Output{Store: m}).Resume(t.Context(), p)
	if err != nil || c.Next != int64(len(rows)) {
		t.Errorf("the copy is at row %d (%v), after %d rows", c.Next, err, len(rows))
	}
}

func TestAPauseStopsInOrderAndGoesOnWhereItWas(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 200)
	e := &ticker{step: 20 * time.Millisecond}
	r.work(newActivities(m, e))
	run := r.run(10 * time.Second)
	r.row(e, 10)
	service, execution := r.client.WorkflowService(), &commonpb.WorkflowExecution{WorkflowId: "run"}
	began := time.Now()
	_, err := service.PauseActivity(t.Context(), &workflowservice.PauseActivityRequest{
		Namespace: "default", Execution: execution, Activity: &workflowservice.PauseActivityRequest_Id{Id: "process"}, Identity: "a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	var at int
	eventually(t, "it has stopped", 10*time.Second, func() bool {
		_, _, failure := r.pending()
		rows, _ := e.done()
		at = len(rows)
		return failure == "paused"
	})
	t.Logf("paused within %s", time.Since(began).Round(time.Millisecond))
	if _, details, _ := r.pending(); details.Next != int64(at) {
		t.Errorf("the heartbeat is at row %d, after %d rows", details.Next, at)
	}
	_, err = service.UnpauseActivity(t.Context(), &workflowservice.UnpauseActivityRequest{
		Namespace: "default", Execution: execution, Activity: &workflowservice.UnpauseActivityRequest_Id{Id: "process"}, Identity: "a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	r.whole(run, e, 200)
}

func TestAResetGoesOnWhereItWas(t *testing.T) {
	for _, forget := range []bool{false, true} {
		name := "with its heartbeat kept"
		if forget {
			name = "with its heartbeat forgotten: from the copy"
		}
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m, _ := plan(t, 200)
			e := &ticker{step: 20 * time.Millisecond}
			r.work(newActivities(m, e))
			run := r.run(10 * time.Second)
			r.row(e, 10)
			_, err := r.client.WorkflowService().ResetActivity(t.Context(), &workflowservice.ResetActivityRequest{
				Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: "run"},
				Activity: &workflowservice.ResetActivityRequest_Id{Id: "process"}, ResetHeartbeat: forget, Identity: "a test",
			})
			if err != nil {
				t.Fatal(err)
			}
			r.whole(run, e, 200)
			if _, from := e.done(); len(from) != 2 || from[1] < 10 {
				t.Errorf("the attempts went on from %v", from)
			}
		})
	}
}

// A zombie: an attempt that is frozen in a commit for longer than the heartbeat
// timeout, and thaws when another one has taken over.
func TestAZombieIsSuperseded(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 60)
	thaw := make(chan struct{})
	var freeze sync.Once
	zombie := &ticker{step: 20 * time.Millisecond}
	ended := make(chan error, 1)
	a := newActivities(m, engineFunc(func(ctx context.Context, job pipeline.Job) (pipeline.Checkpoint, error) {
		c, err := zombie.Process(ctx, job)
		ended <- err
		return c, err
	}))
	// Its heartbeats freeze with it.
	a.beater = beaterFunc(func(ctx context.Context, p Position) error {
		if p.Next >= 20 {
			freeze.Do(func() { <-thaw })
		}
		return newServerBeater(ctx).Beat(ctx, p)
	})
	r.work(a)
	run := r.run(3 * time.Second)
	r.row(zombie, 18)
	heir := &ticker{step: 20 * time.Millisecond}
	r.work(newActivities(m, heir))
	began := time.Now()
	eventually(t, "another attempt has it", 30*time.Second, func() bool {
		_, from := heir.done()
		return len(from) == 1
	})
	t.Logf("taken over after %s, heartbeat timeout 3 s", time.Since(began).Round(time.Millisecond))
	_, from := heir.done()
	if from[0] != 19 {
		t.Errorf("it went on from row %d, and 19 was the last one accepted", from[0])
	}
	close(thaw)
	if err := <-ended; !errors.Is(err, errSuperseded) {
		t.Errorf("the zombie ended with %v", err)
	}
	if rows, _ := zombie.done(); len(rows) != 19 {
		t.Errorf("the zombie committed %v", rows)
	}
	var result ProcessResult
	if err := run.Get(t.Context(), &result); err != nil || result.Position.Counts.OK != 60 {
		t.Errorf("%+v, %v", result, err)
	}
}

// An engine that hangs for good, in the middle of a partition. Its attempt ends all
// the same, with a word on why, and the next one goes on from its checkpoint.
func TestAnEngineThatHangsIsLeftBehind(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 60)
	const hangs = 20
	thaw, ended := make(chan struct{}), make(chan error, 1)
	stuck := &ticker{step: time.Millisecond, commit: func(_ context.Context, _ pipeline.Job, c pipeline.Checkpoint) {
		if c.Next == hangs {
			<-thaw // whatever becomes of its context
		}
	}}
	a := newActivities(m, engineFunc(func(ctx context.Context, job pipeline.Job) (pipeline.Checkpoint, error) {
		c, err := stuck.Process(ctx, job)
		ended <- err
		return c, err
	}))
	a.stall, a.letGo = 4*time.Second, time.Second
	first := r.work(a)
	run := r.run(2 * time.Second)
	r.row(stuck, hangs-2)
	var why string
	eventually(t, "the attempt is given up", 30*time.Second, func() bool {
		_, _, why = r.pending()
		return why != ""
	})
	if !strings.HasPrefix(why, "nothing moves: the partition is in opening for 4s") {
		t.Errorf("the attempt ended with %q", why)
	}
	first.Stop()
	heir := &ticker{step: time.Millisecond}
	r.work(newActivities(m, heir))
	var result ProcessResult
	if err := run.Get(t.Context(), &result); err != nil || result.Position.Counts.OK != 60 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, from := heir.done(); len(from) != 1 || from[0] != hangs-1 {
		t.Errorf("the next attempt went on from %v, and %d was the last one accepted", from, hangs-1)
	}
	close(thaw)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("what was left behind ended with %v", err)
	}
	if rows, _ := stuck.done(); len(rows) != hangs-1 {
		t.Errorf("what was left behind committed %v", rows)
	}
}

func TestAServerThatIsAwayForSecondsCostsNothing(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 100)
	e := &ticker{step: 30 * time.Millisecond}
	r.work(newActivities(m, e))
	run := r.run(20 * time.Second)
	r.row(e, 10)
	r.server.Kill()
	away(3 * time.Second)
	r.server.Restart()
	r.whole(run, e, 100)
	if _, from := e.done(); len(from) != 1 {
		t.Errorf("it took %d attempts, from %v", len(from), from)
	}
}

func TestAServerThatIsAwayForLongerThanTheTimeoutCostsAnAttempt(t *testing.T) {
	r := newRig(t)
	m, _ := plan(t, 100)
	e := &ticker{step: 30 * time.Millisecond}
	r.work(newActivities(m, e))
	run := r.run(3 * time.Second)
	r.row(e, 10)
	r.server.Kill()
	away(6 * time.Second)
	before, _ := e.done()
	r.server.Restart()
	r.whole(run, e, 100)
	after, from := e.done()
	if len(from) < 2 {
		t.Errorf("it took %d attempts", len(from))
	}
	t.Logf("%d rows before, %d after, attempts from %v", len(before), len(after), from)
}

// away is how long a server is away.
func away(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // for how long is what is tested, on a real server
}

type engineFunc func(context.Context, pipeline.Job) (pipeline.Checkpoint, error)

func (engineFunc) Look(context.Context, int64, func(context.Context) ([]byte, error)) (pipeline.Header, error) {
	return pipeline.Header{}, errors.New("nothing is verified here")
}

func (f engineFunc) Process(ctx context.Context, job pipeline.Job) (pipeline.Checkpoint, error) {
	return f(ctx, job)
}

type beaterFunc func(context.Context, Position) error

func (f beaterFunc) Beat(ctx context.Context, p Position) error { return f(ctx, p) }
