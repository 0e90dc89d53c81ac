package activities

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"sluice/pipeline"
)

func lightEnv(t *testing.T) *testsuite.TestActivityEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	return suite.NewTestActivityEnvironment()
}

func TestLoadNames(t *testing.T) {
	m, p := plan(t, 10)
	env := lightEnv(t)
	newActivities(m, nil).RegisterLight(env)
	in := LoadNamesInput{Run: Run{Key: testRun, Output: "memory:"}, N: 1}
	value, err := env.ExecuteActivity(LoadNamesActivity, in)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := value.Get(&names); err != nil || !slices.Equal(names, []string{p.Name}) {
		t.Errorf("%v, %v", names, err)
	}
	in.N = 2
	if _, err := env.ExecuteActivity(LoadNamesActivity, in); err == nil || !strings.Contains(err.Error(), "has 1 partitions") {
		t.Errorf("a plan that is too short: %v", err)
	}
}

// A step that waits for the end of its context, in the place of one that waits
// for a store.
func stuck(a *Activities, ended chan<- error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return light(ctx, a.called, Run{}, func(ctx context.Context, _ pipeline.Output, progress func(string)) (string, error) {
			progress("so far")
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return "", ctx.Err()
		})
	}
}

func TestALightStepEndsWithItsWorker(t *testing.T) {
	env := lightEnv(t)
	m, _ := plan(t, 1)
	ended := make(chan error, 1)
	env.RegisterActivityWithOptions(stuck(newActivities(m, nil), ended), activity.RegisterOptions{Name: "stuck"})
	shutdown := make(chan struct{})
	close(shutdown)
	env.SetWorkerStopChannel(shutdown)
	_, err := env.ExecuteActivity("stuck")
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != YieldType || app.Message() != "handed over" {
		t.Errorf("it ended with %v", err)
	}
	if cause := <-ended; !errors.Is(cause, errHandover) {
		t.Errorf("the step ended with %v", cause)
	}
}

func TestALightStepHeartbeatsItsProgress(t *testing.T) {
	env := lightEnv(t)
	m, _ := plan(t, 1)
	a := newActivities(m, nil)
	heard := make(chan string, 10)
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var s string
		_ = details.Get(&s)
		heard <- s
	})
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		_, err := light(ctx, a.called, Run{}, func(context.Context, pipeline.Output, func(string)) (string, error) {
			select {
			case <-heard:
			case <-time.After(10 * time.Second):
				t.Error("no heartbeat")
			}
			return "", nil
		})
		return err
	}, activity.RegisterOptions{Name: "brief"})
	if _, err := env.ExecuteActivity("brief"); err != nil {
		t.Fatal(err)
	}
}

// A run and a collection of one output are not at it at the same time: the run
// waits, and the collection is refused.
func TestRunsAndCollectionsKeepClear(t *testing.T) {
	for _, open := range []bool{false, true} {
		acts := newActivities(newMemory(), &ticker{})
		acts.isOpen = func(id string) bool { return open && id == "other" }
		env := lightEnv(t)
		acts.RegisterLight(env)
		said := func(activity string, in any) (errType, message string) {
			_, err := env.ExecuteActivity(activity, in)
			var app *temporal.ApplicationError
			if !errors.As(err, &app) {
				t.Fatalf("%s: %v", activity, err)
			}
			return app.Type(), app.Message()
		}
		// Without the other, they fail for what the input lacks.
		if errType, why := said(PlanActivity, PlanInput{Collection: "other"}); (errType == FaultType) != open || strings.Contains(why, "gc") != open {
			t.Errorf("planning while a collection is open (%t): %s, %s", open, errType, why)
		}
		if _, why := said(CollectActivity, CollectInput{RunID: "other"}); strings.Contains(why, "is open") != open {
			t.Errorf("collecting while a run is open (%t): %s", open, why)
		}
	}
}
