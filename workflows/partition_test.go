package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

func partitionInput(waits ...time.Duration) PartitionInput {
	in := stubInput(1)
	return PartitionInput{
		Run:              activities.Run{Key: "_runs/1/", Spec: in.Spec, Output: in.Output},
		Name:             stubName(7),
		Index:            7,
		HeartbeatTimeout: in.HeartbeatTimeout,
		Waits:            waits,
	}
}

func TestPasses(t *testing.T) {
	const halfMinute, twoMinutes = 30 * time.Second, 2 * time.Minute
	for _, c := range []struct {
		name  string
		waits []time.Duration
		ok    []int64         // rows that are ok after each pass
		asked []time.Duration // by the origins
		slept time.Duration
	}{
		{name: "nothing is left for a later pass", waits: []time.Duration{halfMinute, twoMinutes}, ok: []int64{100}},
		{name: "no later pass is wanted", ok: []int64{100}},
		{name: "a second pass does it", waits: []time.Duration{halfMinute, twoMinutes}, ok: []int64{90, 100}, slept: halfMinute},
		{name: "the last pass makes failures final", waits: []time.Duration{halfMinute, twoMinutes}, ok: []int64{90, 95, 100}, slept: halfMinute + twoMinutes},
		{name: "an origin asks for longer", waits: []time.Duration{halfMinute}, ok: []int64{90, 100}, asked: []time.Duration{10 * time.Minute}, slept: 10 * time.Minute},
		{name: "an origin asks for less", waits: []time.Duration{halfMinute}, ok: []int64{90, 100}, asked: []time.Duration{time.Second}, slept: halfMinute},
		{name: "an origin asks for a day", waits: []time.Duration{halfMinute}, ok: []int64{90, 100}, asked: []time.Duration{24 * time.Hour}, slept: time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			var passes []activities.ProcessInput
			s := &stub{process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
				passes = append(passes, in)
				r := after(in, c.ok[len(passes)-1])
				r.Position.Earlier = 40
				if len(c.asked) >= len(passes) {
					r.Position.RetryAfter = c.asked[len(passes)-1]
				}
				return r, nil
			}}
			env := newEnv(t, s)
			began := env.Now()
			env.ExecuteWorkflow(PartitionWorkflow, partitionInput(c.waits...))
			var r PartitionResult
			if err := env.GetWorkflowResult(&r); err != nil {
				t.Fatal(err)
			}
			if r.File != stubPartition(7).File || r.Counts.OK != stubRows || r.New != stubRows-40 {
				t.Errorf("the result is %+v", r)
			}
			if got := env.Now().Sub(began).Round(time.Second); got != c.slept {
				t.Errorf("it waited %s, want %s", got, c.slept)
			}
			if len(passes) != len(c.ok) || !s.published[stubName(7)] {
				t.Fatalf("%d passes, published: %v", len(passes), s.published)
			}
			for i, in := range passes {
				if in.Index != 7 || in.Pass != i+1 || in.LastPass != (i == len(c.waits)) {
					t.Errorf("pass %d is %+v", i+1, in)
				}
				if (i > 0) != (in.From != nil) || i > 0 && (in.From.Counts.OK != c.ok[i-1] || in.From.Earlier != 40) {
					t.Errorf("pass %d goes on from %+v", i+1, in.From)
				}
			}
		})
	}
}

func TestAPartitionThatIsPublishedIsOverAtOnce(t *testing.T) {
	s := &stub{process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		return activities.ProcessResult{Partition: stubPartition(in.Index), Published: &pipeline.Counts{OK: 99, Failed: 1}}, nil
	}}
	env := newEnv(t, s)
	env.ExecuteWorkflow(PartitionWorkflow, partitionInput(time.Minute))
	var r PartitionResult
	if err := env.GetWorkflowResult(&r); err != nil {
		t.Fatal(err)
	}
	if r.Counts.OK != 99 || r.New != 0 || len(s.published) != 0 {
		t.Errorf("the result is %+v, published: %v", r, s.published)
	}
}

func TestAPartitionThatWaitsTellsItsParentOnce(t *testing.T) {
	s := &stub{partitions: 3, process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		return after(in, []int64{80, 90, 100}[in.Pass-1]), nil
	}}
	env := newEnv(t, s)
	// With a window of one, each waits for two and a half minutes, and the next
	// one does not wait for that.
	began := env.Now()
	env.ExecuteWorkflow(DatasetWorkflow, stubInput(1, 30*time.Second, 2*time.Minute))
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if took := env.Now().Sub(began).Round(time.Second); took != 150*time.Second {
		t.Errorf("it took %s, want the two waits of one partition", took)
	}
	if len(s.published) != 3 {
		t.Errorf("%d partitions are published", len(s.published))
	}
}

func TestAFileThatCannotBeReadFailsItsPartitionPlainly(t *testing.T) {
	s := &stub{process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		return activities.ProcessResult{}, broken(in)
	}}
	env := newEnv(t, s)
	env.ExecuteWorkflow(PartitionWorkflow, partitionInput(time.Minute))
	var app *temporal.ApplicationError
	if err := env.GetWorkflowError(); !errors.As(err, &app) || app.Type() != activities.FileType || app.Message() != "part-00007.parquet: no footer" {
		t.Fatalf("it ended with %v", err)
	}
}

func TestAFaultIsRetriedUntilItIsGone(t *testing.T) {
	tries := 0
	s := &stub{process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		if tries++; tries < 9 { // the test suite gives up after 10
			return activities.ProcessResult{}, errors.New("the store is down")
		}
		return whole(in), nil
	}}
	env := newEnv(t, s)
	env.ExecuteWorkflow(PartitionWorkflow, partitionInput())
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
}

func TestACancelEndsTheWaitBetweenPasses(t *testing.T) {
	s := &stub{process: func(_ context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		return after(in, 80), nil
	}}
	env := newEnv(t, s)
	env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Second)
	began := env.Now()
	env.ExecuteWorkflow(PartitionWorkflow, partitionInput(time.Hour))
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Fatalf("it ended with %v", err)
	}
	if took := env.Now().Sub(began).Round(time.Second); took != 10*time.Second || len(s.published) != 0 {
		t.Errorf("it ended after %s, published: %v", took, s.published)
	}
}

func TestProcessGoesToAQueueOfItsOwn(t *testing.T) {
	env := newEnv(t, &stub{})
	queues := map[string]string{}
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		queues[info.ActivityType.Name] = info.TaskQueue
	})
	env.ExecuteWorkflow(PartitionWorkflow, partitionInput())
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if queues[activities.ProcessActivity] != "sluice-process" || queues[activities.PublishActivity] != "sluice" {
		t.Errorf("the activities ran on %v", queues)
	}
}
