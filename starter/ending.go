package main

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// endedError is the end of a workflow that did not succeed.
type endedError struct {
	message string
	usage   bool // a worker found the call to be wrong
}

func (e *endedError) Error() string { return e.message }

// ended is how the run of s, which has closed, ended. The error is an
// *endedError if it did not succeed, and the result holds then too.
func (f *follower) ended(ctx context.Context, s progress.Snapshot) (result, error) {
	var exact workflows.RunResult
	err := f.result(ctx, s, &exact)
	if err == nil {
		s.Counts, s.New = exact.Counts, exact.New
		s.Rows = exact.Counts.Rows()
		s.Partitions = progress.Partitions{All: exact.Partitions, Done: exact.Partitions}
	}
	r := newResult(f.target, s)
	if ended := new(endedError); errors.As(err, &ended) {
		r.Error = ended.message
	}
	return r, err
}

// finish shows how the run of s ended, and that is what the call comes to.
func (f *follower) finish(ctx context.Context, s progress.Snapshot) error {
	r, err := f.ended(ctx, s)
	ended := new(endedError)
	switch {
	case err == nil:
		f.show(r)
	case errors.As(err, &ended) && !ended.usage:
		f.show(r, goesOn)
		return shownError{err}
	}
	return err
}

// showEnded shows how the run of s ended, when the call was about something
// else.
func (f *follower) showEnded(ctx context.Context, s progress.Snapshot) error {
	r, err := f.ended(ctx, s)
	ended := new(endedError)
	switch {
	case err == nil:
		f.show(r)
	case errors.As(err, &ended):
		f.show(r, goesOn)
	default:
		return err
	}
	return nil
}

// goesOn follows the counts of a run that did not succeed, which are those of
// what is published.
const goesOn = "  checkpoints keep the rest: the same starter run goes on from there\n"

// result reads the result of a workflow that has closed.
func (f *follower) result(ctx context.Context, s progress.Snapshot, v any) error {
	err := f.answered(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return f.temporal.GetWorkflow(ctx, s.WorkflowID, s.RunID).Get(ctx, v)
	})
	if failed := new(temporal.WorkflowExecutionError); errors.As(err, &failed) {
		return whyEnded(failed)
	}
	return err
}

func whyEnded(err error) error {
	var (
		app        *temporal.ApplicationError
		cancelled  *temporal.CanceledError
		terminated *temporal.TerminatedError
		timeout    *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &app) && app.Type() == activities.UsageType:
		return &endedError{message: oneLine(app.Message()), usage: true}
	case errors.As(err, &app):
		return &endedError{message: oneLine(app.Message())}
	case errors.As(err, &cancelled):
		return &endedError{message: "it was cancelled"}
	case errors.As(err, &terminated):
		return &endedError{message: "an operator terminated it"}
	case errors.As(err, &timeout):
		return &endedError{message: "it ran out of time"}
	}
	return &endedError{message: oneLine(err.Error())}
}
