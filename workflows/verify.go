package workflows

import (
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

const (
	// verifying is how many chunks are verified at once, by all workers: each
	// asks for sixteen objects at a time.
	verifying = 16
	// mostFindings is how many findings a verification lists in all. A chunk lists
	// its share and a few more, so that the history has room for all of them.
	mostFindings = 1000
)

// Verify holds an output against its dataset, on workers: whoever asks needs no
// access to either. Chunks of a deep verification are decoded where partitions
// are processed, within the same memory.
func Verify(ctx workflow.Context, in activities.VerifyInput) (pipeline.Report, error) {
	r, err := verify(ctx, in)
	return r, plainly(err)
}

func verify(ctx workflow.Context, in activities.VerifyInput) (pipeline.Report, error) {
	in.Request.Run = ownKey(ctx, pipeline.VerifyPrefix)
	in.Request.Most = mostFindings
	var survey pipeline.Survey
	if err := workflow.ExecuteActivity(light(ctx, "hold %s against its dataset", in.Output), activities.SurveyActivity, in).Get(ctx, &survey); err != nil {
		return pipeline.Report{}, err
	}
	reports, err := verifyChunks(ctx, in, survey.Chunks)
	if err != nil {
		return pipeline.Report{}, err
	}
	report := survey.Report
	for _, r := range reports {
		report = together(report, r)
	}
	end := activities.EndVerifyInput{VerifyInput: in, Found: report.Found}
	err = workflow.ExecuteActivity(light(ctx, "tidy up"), activities.EndVerifyActivity, end).Get(ctx, nil)
	report.Run = in.Request.Run
	return report, err
}

// together goes over a map; in which order does not show in a sum.
//
//workflowcheck:ignore
func together(a, b pipeline.Report) pipeline.Report { return a.Plus(b, mostFindings) }

// verifyChunks verifies n chunks, some at a time, and returns when all have
// ended or one cannot be verified.
func verifyChunks(ctx workflow.Context, in activities.VerifyInput, n int) ([]pipeline.Report, error) {
	if n == 0 {
		return nil, nil
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	in.Request.Most = mostFindings/n + 20
	reports := make([]pipeline.Report, n)
	var (
		done   pipeline.VerifyProgress
		failed error
	)
	room := workflow.NewSemaphore(ctx, verifying)
	all := workflow.NewWaitGroup(ctx)
	for i := range n {
		if room.Acquire(ctx, 1) != nil || failed != nil {
			break
		}
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			defer room.Release(1)
			chunk := activities.VerifyChunkInput{VerifyInput: in, Chunk: i}
			opts := light(ctx, "chunk %d of %d", i+1, n)
			if in.Request.Deep {
				opts = workflow.WithTaskQueue(opts, ProcessQueue(workflow.GetInfo(ctx).TaskQueueName))
			}
			if err := workflow.ExecuteActivity(opts, activities.VerifyChunkActivity, chunk).Get(ctx, &reports[i]); err != nil {
				if failed == nil {
					failed = err
				}
				cancel()
				return
			}
			done.Partitions += reports[i].Partitions
			done.Rows += reports[i].Counts.Rows()
			_ = workflow.UpsertMemo(ctx, map[string]any{MemoVerified: done}) // fails by a value that JSON does not take
		})
	}
	all.Wait(ctx)
	if failed == nil {
		failed = ctx.Err()
	}
	return reports, failed
}
