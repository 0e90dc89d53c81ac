package activities

import (
	"context"
	"errors"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

// Whoever calls hears what is wrong with the call. Once it was found right, what
// cannot be opened has gone away, and comes back.
func TestWhatCannotBeOpenedIsAMistakeOnlyInTheCall(t *testing.T) {
	a := newActivities(newMemory(), nil)
	var made bool
	a.Open = func(_ context.Context, _, _ string, making bool) (pipeline.Output, error) {
		made = making
		return pipeline.Output{}, pipeline.Usagef("file:///out does not exist")
	}
	env := lightEnv(t)
	a.RegisterLight(env)
	a.beater = &listener{t: t}
	env.RegisterActivityWithOptions(a.Process, activity.RegisterOptions{Name: ProcessActivity})
	for _, c := range []struct {
		name    string
		input   any
		mistake bool
		makes   bool
	}{
		{PlanActivity, PlanInput{}, true, true},
		{SurveyActivity, VerifyInput{}, true, false},
		{CollectActivity, CollectInput{}, true, false},
		{LoadNamesActivity, LoadNamesInput{}, false, false},
		{ProcessActivity, ProcessInput{}, false, false},
		{PublishActivity, PublishInput{}, false, false},
		{FinishActivity, FinishInput{}, false, false},
		{VerifyChunkActivity, VerifyChunkInput{}, false, false},
		{EndVerifyActivity, EndVerifyInput{}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := env.ExecuteActivity(c.name, c.input)
			var app *temporal.ApplicationError
			if !errors.As(err, &app) {
				t.Fatalf("%v", err)
			}
			if mistake := app.Type() == UsageType && app.NonRetryable(); mistake != c.mistake || app.Message() != "file:///out does not exist" {
				t.Errorf("%q of type %s", app.Message(), app.Type())
			}
			if made != c.makes {
				t.Errorf("the output's folder is made: %v", made)
			}
		})
	}
}
