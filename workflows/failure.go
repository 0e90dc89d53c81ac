package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"

	"sluice/activities"
)

// FailedType is the type of the error that a run with failed partitions ends
// with. The other types are activities'.
const FailedType = "failed"

// reasonOf says in a line why a partition failed, and names it: by its file,
// where that is what is wrong.
func reasonOf(partition string, err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == activities.FileType {
		return cut(app.Message(), maxReason)
	}
	return cut(partition+": "+reason(err), maxReason)
}

// reason says in a line why an activity or a child did not succeed.
func reason(err error) string {
	var (
		app        *temporal.ApplicationError
		terminated *temporal.TerminatedError
		timeout    *temporal.TimeoutError
	)
	switch {
	case errors.As(err, &app):
		return app.Message()
	case errors.As(err, &terminated):
		return "an operator terminated it"
	case errors.As(err, &timeout):
		return "it ran out of time"
	case isTaken(err):
		return "its workflow of an earlier run is still open"
	case temporal.IsCanceledError(err):
		return "an operator cancelled it"
	}
	return err.Error()
}

// plainly is err without the shells that the SDK puts around an activity's
// error: what the UI shows then begins with what matters.
func plainly(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return temporal.NewNonRetryableApplicationError(app.Message(), app.Type(), nil)
	}
	return err
}

// maxReason keeps a partition's reason to a line, in bytes.
const maxReason = 300

// runFailed is how a run with failed partitions ends.
func runFailed(t Tally, partitions int) error {
	reasons := strings.Join(t.Failures, "; ")
	if len(t.Failures) == maxFailures && t.Failed > maxFailures {
		reasons += "; and others"
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%d of %d partitions failed: %s. What is published stays; `starter run` again goes on with the rest", t.Failed, partitions, reasons),
		FailedType, nil)
}

// runStopped is how a run ends of which more rows failed than is tolerated.
func runStopped(g guard) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("stopped: %s. Once the cause is gone, `starter run` goes on from here, and `starter retry` does those rows again", g.tolerate.complaint(g.exceeded)), FailedType, nil)
}

// failedNight is how a night ends whose run failed: by the run's own words.
func failedNight(err error) error {
	kind := FailedType
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		kind = app.Type()
	}
	return temporal.NewNonRetryableApplicationError(reason(err), kind, nil)
}

// tooMany refuses a plan that the histories have no room for.
func tooMany(partitions int) error {
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%d partitions are more than one run holds, which is %d: raise --rows-per-partition", partitions, maxPartitions),
		activities.UsageType, nil)
}

// cut cuts s at n bytes, at a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

// isTaken reports whether a child could not be started because its id is in use.
func isTaken(err error) bool {
	var taken *temporal.ChildWorkflowExecutionAlreadyStartedError
	return errors.As(err, &taken)
}
