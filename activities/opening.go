package activities

import (
	"context"
	"errors"

	"sluice/pipeline"
)

// opening opens the dataset and the output of a run.
type opening func(ctx context.Context, run Run) (pipeline.Output, error)

// called opens them while the caller waits for what is wrong with the call.
func (a *Activities) called(ctx context.Context, run Run) (pipeline.Output, error) {
	return a.Open(ctx, run.Spec.Input, run.Output, false)
}

// begun opens them for a run that begins: its output may be new.
func (a *Activities) begun(ctx context.Context, run Run) (pipeline.Output, error) {
	return a.Open(ctx, run.Spec.Input, run.Output, true)
}

// accepted opens them for a call that was found right. What cannot be opened then
// has gone away meanwhile, or is not mounted where this worker is: a fault, which
// is waited for.
func (a *Activities) accepted(ctx context.Context, run Run) (pipeline.Output, error) {
	out, err := a.called(ctx, run)
	return out, waited(err)
}

// waited is err without the mistakes of the caller, once the call was found right:
// the stores of sources are opened late, too.
func waited(err error) error {
	var usage *pipeline.UsageError
	if errors.As(err, &usage) {
		return errors.New(usage.Message)
	}
	return err
}
