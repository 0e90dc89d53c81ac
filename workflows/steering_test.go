package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

// passes are the passes that are under way, and what each was given. They do
// half of their rows, and the rest only when they are let go.
type passes struct {
	mu      sync.Mutex
	running map[int]bool
	begun   []activities.ProcessInput
	free    chan struct{}
}

func newPasses() *passes {
	return &passes{running: map[int]bool{}, free: make(chan struct{})}
}

func (p *passes) process(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
	p.mu.Lock()
	p.running[in.Index] = true
	p.begun = append(p.begun, in)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, in.Index)
	}()
	half := after(in, stubRows/2).Position
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		activity.RecordHeartbeat(ctx, half)
		select {
		case <-tick.C:
		case <-p.free:
			return whole(in), nil
		case <-ctx.Done():
			return activities.ProcessResult{}, temporal.NewCanceledError(half)
		}
	}
}

func (p *passes) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.running)
}

// inputs are those of the passes that began since the first n.
func (p *passes) inputs(n int) []activities.ProcessInput {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]activities.ProcessInput(nil), p.begun[n:]...)
}

// hadBegun is whether a partition is among the first n passes.
func (p *passes) hadBegun(index, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.begun[:n], func(in activities.ProcessInput) bool { return in.Index == index })
}

func (w *world) steer(s Steer) {
	w.t.Helper()
	if err := w.client.SignalWorkflow(w.t.Context(), RunID(testOutput), "", SignalSteer, s); err != nil {
		w.t.Fatal(err)
	}
}

func to[T any](v T) *T { return &v }

func TestAPauseReachesEveryPartitionAndResumeGoesOn(t *testing.T) {
	for _, c := range []struct {
		name                      string
		partitions, window, slots int
	}{
		{"in one fan-out", 8, 5, 5},
		{"of which no worker has taken some", 8, 7, 3},
		{"in slices", 130, maxGrown + 1, maxGrown + 1}, // a window that one fan-out does not hold
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPasses()
			w := newWorld(t, &stub{partitions: c.partitions, slots: c.slots, process: p.process})
			run := w.run(stubInput(c.window))
			eventually(t, "the workers are busy", 2*time.Minute, func() bool { return p.count() == c.slots })
			w.steer(Steer{ID: "1", Paused: to(true), By: "a test"})
			eventually(t, "every pass has ended", time.Minute, func() bool { return p.count() == 0 })
			// A pause that is told twice is one.
			w.steer(Steer{ID: "2", Paused: to(true), By: "a test"})
			begun := len(p.inputs(0))
			w.steer(Steer{ID: "3", InFlight: to(c.window)})
			eventually(t, "the last word is heard", time.Minute, func() bool { return w.steered().ID == "3" })
			if s := w.steered(); !s.Paused || s.By != "a test" || s.InFlight != c.window {
				t.Errorf("%+v", s)
			}
			if n := len(p.inputs(begun)); n > 0 {
				t.Errorf("%d passes began during the pause", n)
			}
			w.steer(Steer{ID: "4", Paused: to(false)})
			eventually(t, "the workers are busy again", 2*time.Minute, func() bool { return p.count() == c.slots })
			for _, in := range p.inputs(begun) {
				if goesOn := in.From != nil && in.From.Counts.OK == stubRows/2; goesOn != p.hadBegun(in.Index, begun) {
					t.Errorf("partition %d begins again from %+v", in.Index, in.From)
				}
			}
			close(p.free)
			var r RunResult
			if err := run.Get(t.Context(), &r); err != nil || r.Counts.OK != int64(c.partitions)*stubRows {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// steered is what the dataset workflow says of it.
func (w *world) steered() (s Steered) {
	w.t.Helper()
	d, err := w.client.DescribeWorkflowExecution(w.t.Context(), RunID(testOutput), "")
	if err != nil {
		w.t.Fatal(err)
	}
	if p := d.GetWorkflowExecutionInfo().GetMemo().GetFields()[MemoSteered]; p != nil {
		if err := converter.GetDefaultDataConverter().FromPayload(p, &s); err != nil {
			w.t.Fatal(err)
		}
	}
	return s
}

func TestSetTakesEffectOnARunThatIsOpen(t *testing.T) {
	p := newPasses()
	w := newWorld(t, &stub{partitions: 12, process: p.process})
	run := w.run(stubInput(2))
	eventually(t, "the window is full", time.Minute, func() bool { return p.count() == 2 })
	w.steer(Steer{ID: "1", InFlight: to(6)})
	eventually(t, "the window has grown", time.Minute, func() bool { return p.count() == 6 })
	begun := len(p.inputs(0))
	w.steer(Steer{ID: "2", PerHost: to(3)})
	eventually(t, "all go on with another limit", time.Minute, func() bool { return len(p.inputs(begun)) == 6 && p.count() == 6 })
	for _, in := range p.inputs(begun) {
		if in.PerHost != 3 || in.From == nil {
			t.Errorf("partition %d goes on with %d connections a host, from %+v", in.Index, in.PerHost, in.From)
		}
	}
	close(p.free)
	if err := run.Get(t.Context(), nil); err != nil {
		t.Error(err)
	}
	for _, in := range p.inputs(begun) {
		if in.PerHost != 3 {
			t.Errorf("partition %d, which began later, has %d connections a host", in.Index, in.PerHost)
		}
	}
}

// What a run begins with holds for each of its partitions, until it is changed.
func TestARunBeginsWithItsLimitAHost(t *testing.T) {
	p := newPasses()
	w := newWorld(t, &stub{partitions: 3, process: p.process})
	in := stubInput(3)
	in.PerHost = 2
	run := w.run(in)
	eventually(t, "all have begun", time.Minute, func() bool { return p.count() == 3 })
	w.steer(Steer{ID: "1", PerHost: to(0)})
	eventually(t, "all go on without it", time.Minute, func() bool { return len(p.inputs(3)) == 3 && p.count() == 3 })
	for i, in := range p.inputs(0) {
		if want := []int{2, 0}[i/3]; in.PerHost != want {
			t.Errorf("pass %d, over partition %d, has %d connections a host, want %d", i, in.Index, in.PerHost, want)
		}
	}
	close(p.free)
	if err := run.Get(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// A pause while rows wait for a later pass: the pass begins when it may.
func TestNoLaterPassBeginsDuringAPause(t *testing.T) {
	var mu sync.Mutex
	var begun []int
	w := newWorld(t, &stub{partitions: 1, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		mu.Lock()
		defer mu.Unlock()
		begun = append(begun, in.Pass)
		if in.Pass == 1 {
			return after(in, 80), nil
		}
		return whole(in), nil
	}})
	run := w.run(stubInput(1, 2*time.Second))
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(begun)
	}
	eventually(t, "the first pass", time.Minute, func() bool { return count() == 1 })
	w.steer(Steer{ID: "1", Paused: to(true)})
	id := PartitionID(RunID(testOutput), stubName(0))
	eventually(t, "the wait is over", time.Minute, func() bool {
		for _, e := range w.history(id) {
			if e.GetTimerFiredEventAttributes() != nil {
				return true
			}
		}
		return false
	})
	if n := count(); n != 1 {
		t.Errorf("%d passes have begun", n)
	}
	w.steer(Steer{ID: "2", Paused: to(false)})
	if err := run.Get(t.Context(), nil); err != nil || count() != 2 {
		t.Errorf("%v after %d passes", err, count())
	}
}

func TestARunOfWhichTooManyRowsFailIsStopped(t *testing.T) {
	failing := func(in activities.ProcessInput, n int64) activities.ProcessResult {
		r := after(in, stubRows)
		r.Position.Counts = pipeline.Counts{OK: stubRows - n, Failed: n, Errors: map[pipeline.Class]int64{pipeline.HTTP4xx: n}}
		return r
	}
	for _, c := range []struct {
		name     string
		tolerate Tolerance
		failed   int64 // rows of each partition of 100
		most     int   // partitions that may be done; all 20 if the run succeeds
		stops    bool
	}{
		{"none may fail, and none does", "0", 0, 20, false},
		{"exactly the share", "5%", 5, 20, false},
		{"more than the share", "5%", 6, 10, true},
		{"more than a number", "30", 6, 10, true},
		{"exactly a number", "100", 5, 20, false},
		{"all may fail", "100%", 100, 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stub{partitions: 20, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
				return failing(in, c.failed), nil
			}}
			env := newEnv(t, s)
			in := stubInput(2)
			in.Tolerate = c.tolerate
			env.ExecuteWorkflow(DatasetWorkflow, in)
			err := env.GetWorkflowError()
			var app *temporal.ApplicationError
			if stopped := errors.As(err, &app) && strings.HasPrefix(app.Message(), "stopped: "); stopped != c.stops {
				t.Fatalf("the run ended with %v", err)
			}
			if c.stops && (app.Type() != FailedType || !strings.Contains(app.Message(), "http_4xx")) {
				t.Errorf("it says %q", app.Message())
			}
			if n := len(s.published); n > c.most || !c.stops && n != 20 {
				t.Errorf("%d partitions are published", n)
			}
			want := pipeline.Succeeded
			if c.stops {
				want = pipeline.Broken
			}
			if len(s.endings) != 1 || s.endings[0].Status != want {
				t.Errorf("the endings are %+v", s.endings)
			}
		})
	}
}

// The guard's word ends a run in which no partition has come to its end yet.
func TestTheGuardStopsARun(t *testing.T) {
	p := newPasses()
	bad := pipeline.Counts{OK: 100, Failed: 200, Errors: map[pipeline.Class]int64{pipeline.Timeout: 200}}
	s := &stub{partitions: 4, process: p.process, guard: func(ctx context.Context, in GuardInput) (pipeline.Counts, error) {
		if in.Tolerate != "10" { // the first one sees nothing
			<-ctx.Done()
			return pipeline.Counts{}, ctx.Err()
		}
		return bad, nil
	}}
	w := newWorld(t, s)
	in := stubInput(2)
	in.Tolerate = "50%"
	run := w.run(in)
	eventually(t, "the window is full", time.Minute, func() bool { return p.count() == 2 })
	w.steer(Steer{ID: "1", Tolerate: to("10")})
	err := run.Get(t.Context(), nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !strings.Contains(app.Message(), "200 of 300 rows failed, more than the 10 tolerated: 200 timeout") {
		t.Errorf("the run ended with %v", err)
	}
	if n := len(p.inputs(0)); n != 2 {
		t.Errorf("%d partitions have begun", n)
	}
}
