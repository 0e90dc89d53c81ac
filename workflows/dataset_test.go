package workflows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

// newEnv is the SDK's test suite with the workflows and a stub.
func newEnv(t *testing.T, s *stub) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // of a busy machine
	Register(env)
	s.register(env, env, env)
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: RunID(testOutput), TaskQueue: DefaultTaskQueue})
	return env
}

// runs is how many partition workflows ran, and how many at once at most.
type runs struct {
	mu         sync.Mutex
	open, peak int
	all        map[string]int
}

// countPartitions puts a partition workflow of so long in the place of the real
// one, and counts.
func countPartitions(env *testsuite.TestWorkflowEnvironment, took func(index int) time.Duration, end func(index int) error) *runs {
	r := &runs{all: map[string]int{}}
	replacePartition(env, func(ctx workflow.Context, in PartitionInput) (PartitionResult, error) {
		r.mu.Lock()
		r.open++
		r.peak = max(r.peak, r.open)
		r.all[workflow.GetInfo(ctx).WorkflowExecution.ID]++
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			r.open--
			r.mu.Unlock()
		}()
		if err := workflow.Sleep(ctx, took(in.Index)); err != nil {
			return PartitionResult{}, err
		}
		if end != nil {
			if err := end(in.Index); err != nil {
				return PartitionResult{}, err
			}
		}
		return PartitionResult{File: "f", Counts: pipeline.Counts{OK: stubRows}, New: stubRows}, nil
	})
	return r
}

// replacePartition puts another partition workflow in the place of the real one.
// A mock would do, but for cancels, which do not reach it.
func replacePartition(env *testsuite.TestWorkflowEnvironment, w func(workflow.Context, PartitionInput) (PartitionResult, error)) {
	env.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: PartitionWorkflow, DisableAlreadyRegisteredCheck: true})
}

func alike(int) time.Duration { return time.Minute }

func TestEveryPartitionRunsOnceInTheWindow(t *testing.T) {
	for _, c := range []struct{ partitions, window int }{
		{0, 64}, {1, 64}, {20, 3}, {40, 64}, {310, 10},
	} {
		t.Run(fmt.Sprintf("%d partitions, window %d", c.partitions, c.window), func(t *testing.T) {
			s := &stub{partitions: c.partitions}
			env := newEnv(t, s)
			r := countPartitions(env, func(i int) time.Duration { return time.Duration(10+i%7) * time.Second }, nil)
			env.ExecuteWorkflow(DatasetWorkflow, stubInput(c.window))
			var got RunResult
			if err := env.GetWorkflowResult(&got); err != nil {
				t.Fatal(err)
			}
			if got.New != int64(c.partitions)*stubRows {
				t.Errorf("%d rows are new", got.New)
			}
			if len(r.all) != c.partitions {
				t.Errorf("%d partitions ran", len(r.all))
			}
			for id, n := range r.all {
				if n != 1 {
					t.Errorf("%s ran %d times", id, n)
				}
			}
			if r.peak > c.window {
				t.Errorf("%d at once, of a window of %d", r.peak, c.window)
			}
			if len(s.endings) != 1 || s.endings[0].Status != pipeline.Succeeded || s.endings[0].New != got.New {
				t.Errorf("the endings are %+v", s.endings)
			}
		})
	}
}

func TestFailedPartitionsFailTheRunAndNoOther(t *testing.T) {
	for _, partitions := range []int{20, 310} {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			s := &stub{partitions: partitions}
			env := newEnv(t, s)
			r := countPartitions(env, alike, func(i int) error {
				if i%10 == 3 {
					return temporal.NewNonRetryableApplicationError(stubPartition(i).File+": no footer", activities.FileType, nil)
				}
				return nil
			})
			env.ExecuteWorkflow(DatasetWorkflow, stubInput(8))
			var app *temporal.ApplicationError
			if err := env.GetWorkflowError(); !errors.As(err, &app) || app.Type() != FailedType {
				t.Fatalf("the run ended with %v", err)
			}
			for _, part := range []string{
				fmt.Sprintf("%d of %d partitions failed", partitions/10, partitions),
				".parquet: no footer; ", "`starter run` again",
			} {
				if !strings.Contains(app.Message(), part) {
					t.Errorf("%q is not in %q", part, app.Message())
				}
			}
			if len(app.Message()) > 3000 || strings.Contains(app.Message(), "\n") {
				t.Errorf("the message is no line: %q", app.Message())
			}
			if len(r.all) != partitions {
				t.Errorf("%d of %d ran", len(r.all), partitions)
			}
			if len(s.endings) != 1 || s.endings[0].Status != pipeline.Broken || len(s.endings[0].Failures) == 0 {
				t.Errorf("the endings are %+v", s.endings)
			}
		})
	}
}

// Partitions that failed, and whose workflows were reset while the run was open,
// count by what they have come to.
func TestPartitionsThatAreRegained(t *testing.T) {
	for _, partitions := range []int{20, 310} {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d partitions, all of them: %t", partitions, all), func(t *testing.T) {
				s := &stub{partitions: partitions}
				asked, last := 0, ""
				s.regained = func(in RegainedInput) map[string]PartitionResult {
					asked = len(in.Names)
					last, _, _ = strings.Cut(in.Names[asked-1], "-0123")
					results := map[string]PartitionResult{}
					for i, name := range in.Names {
						if all || i < asked-1 {
							results[name] = PartitionResult{Counts: pipeline.Counts{OK: stubRows}, New: stubRows}
						}
					}
					return results
				}
				env := newEnv(t, s)
				countPartitions(env, alike, func(i int) error {
					if i%10 == 3 {
						return temporal.NewNonRetryableApplicationError(stubPartition(i).File+": no footer", activities.FileType, nil)
					}
					return nil
				})
				env.ExecuteWorkflow(DatasetWorkflow, stubInput(8))
				err := env.GetWorkflowError()
				if asked != partitions/10 {
					t.Errorf("it asks after %d partitions", asked)
				}
				if all {
					var r RunResult
					if err := env.GetWorkflowResult(&r); err != nil || r.New != int64(partitions)*stubRows {
						t.Errorf("%+v, %v", r, err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("1 of %d partitions failed: %s.parquet: no footer. ", partitions, last)) {
					t.Errorf("the run ended with %v", err)
				}
			})
		}
	}
}

func TestCancelReachesEveryChildAndIsWrittenDown(t *testing.T) {
	for _, partitions := range []int{20, 310} {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			s := &stub{partitions: partitions}
			env := newEnv(t, s)
			r := countPartitions(env, alike, nil)
			env.RegisterDelayedCallback(env.CancelWorkflow, 90*time.Second)
			env.ExecuteWorkflow(DatasetWorkflow, stubInput(8))
			if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
				t.Fatalf("the run ended with %v", err)
			}
			if r.open != 0 {
				t.Errorf("%d children are open", r.open)
			}
			if len(r.all) != 16 {
				t.Errorf("%d partitions were begun, want two windows of 8", len(r.all))
			}
			if len(s.endings) != 1 || s.endings[0].Status != pipeline.Cancelled {
				t.Fatalf("the endings are %+v", s.endings)
			}
			// The children that had ended before are counted, in slices, too.
			if s.endings[0].New != 8*stubRows {
				t.Errorf("%d rows are new, want those of 8 partitions", s.endings[0].New)
			}
		})
	}
}

func TestMistakesOfTheCallerEndTheRunAtOnce(t *testing.T) {
	s := &stub{partitions: 1, plan: func() error {
		return temporal.NewNonRetryableApplicationError(`no column "urll": there are url (string)`, activities.UsageType, nil)
	}}
	env := newEnv(t, s)
	env.ExecuteWorkflow(DatasetWorkflow, stubInput(8))
	var app *temporal.ApplicationError
	if err := env.GetWorkflowError(); !errors.As(err, &app) || app.Type() != activities.UsageType || !app.NonRetryable() {
		t.Fatalf("the run ended with %v", err)
	}
	if !strings.HasPrefix(app.Message(), "no column") {
		t.Errorf("the message is %q", app.Message())
	}
	if len(s.endings) != 0 {
		t.Errorf("a run without a plan wrote %+v", s.endings)
	}
}

func TestARunThatFailedEndsEvenWhereItCannotBeWrittenDown(t *testing.T) {
	s := &stub{partitions: 3, finish: func(context.Context, activities.FinishInput) error { return errors.New("the store is down") }}
	env := newEnv(t, s)
	countPartitions(env, alike, func(int) error { return errors.New("broken") })
	env.ExecuteWorkflow(DatasetWorkflow, stubInput(8))
	var app *temporal.ApplicationError
	if err := env.GetWorkflowError(); !errors.As(err, &app) || app.Type() != FailedType {
		t.Fatalf("the run ended with %v", err)
	}
}

func TestProgressIsInTheMemo(t *testing.T) {
	env := newEnv(t, &stub{partitions: 100})
	countPartitions(env, alike, nil)
	var said []Progress
	env.OnUpsertMemo(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
		said = append(said, args.Get(0).(map[string]any)[MemoProgress].(Progress))
	})
	env.ExecuteWorkflow(DatasetWorkflow, stubInput(10))
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if first := said[0]; !first.Planned || first.Rows != 100*stubRows || first.Published != 0 {
		t.Errorf("the first one is %+v", first)
	}
	last := said[len(said)-1]
	if last.Published != 100 || last.Counts.OK != 100*stubRows {
		t.Errorf("the last one is %+v", last)
	}
	// Ten minutes, and ten windows that end: two memos for each at most.
	if len(said) > 22 {
		t.Errorf("%d memos", len(said))
	}
}
