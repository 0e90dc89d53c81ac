package workflows

import (
	"testing"

	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

// The findings of all chunks are listed in their order, whichever ended first.
func TestVerify(t *testing.T) {
	env := newEnv(t, &stub{partitions: 20})
	env.ExecuteWorkflow(VerifyWorkflow, activities.VerifyInput{Output: testOutput})
	var r pipeline.Report
	if err := env.GetWorkflowResult(&r); err != nil {
		t.Fatal(err)
	}
	if r.Files != 20 || r.Partitions != 20 || r.Counts.OK != 20*stubRows || r.Found != 190 || len(r.Findings) != 190 {
		t.Errorf("%+v", r)
	}
	if first, last := r.Findings[0].Where, r.Findings[189].Where; first != "1" || last != "19" {
		t.Errorf("the first finding is of chunk %s, the last of %s", first, last)
	}
}

func TestVerifyEndsWithAChunkThatCannotBeVerified(t *testing.T) {
	env := newEnv(t, &stub{partitions: 50, chunk: func(in activities.VerifyChunkInput) error {
		if in.Chunk == 3 {
			return temporal.NewNonRetryableApplicationError("no", activities.UsageType, nil)
		}
		return nil
	}})
	env.ExecuteWorkflow(VerifyWorkflow, activities.VerifyInput{Output: testOutput})
	if err := env.GetWorkflowError(); err == nil {
		t.Error("it succeeded")
	}
}

func TestCollect(t *testing.T) {
	env := newEnv(t, &stub{})
	env.ExecuteWorkflow(CollectWorkflow, activities.CollectInput{Output: testOutput})
	var c pipeline.Collected
	if err := env.GetWorkflowResult(&c); err != nil || c.Images != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}
