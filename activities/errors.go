package activities

import (
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

// The types of the errors that leave this package; whoever reads one acts upon
// its type, never upon its text.
const (
	// UsageType is a mistake of the caller. It is not retried, and its message
	// says how to mend it.
	UsageType = "usage"
	// FileType is a file that cannot be processed as planned. It is not
	// retried, and fails its partition.
	FileType = "file"
	// FaultType is everything else: a store that is down, a full disk, missing
	// credentials. It is retried until it is gone.
	FaultType = "fault"
	// YieldType is the end of an attempt that was asked to stop, and has: the
	// worker shuts down, or somebody paused or reset the activity in the UI.
	YieldType = "yield"
	// SupersededType is the end of an attempt that the server has given up on.
	// Nobody is listening any more.
	SupersededType = "superseded"
)

// Why an attempt was asked to stop, beside what the SDK has words for:
// temporal.CanceledError, activity.ErrActivityPaused, activity.ErrActivityReset.
var (
	errHandover   = errors.New("this worker is shutting down")
	errSuperseded = errors.New("the server has given up on this attempt")
)

// temporalError puts an error into Temporal's terms. Its text is the last
// failure of a pending activity in the UI, where people look for why nothing
// moves: one line, without a chain of causes.
func temporalError(err error) error {
	var (
		usage *pipeline.UsageError
		file  *pipeline.FileError
	)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case errors.Is(err, errHandover):
		return yield("handed over", YieldType)
	case errors.Is(err, activity.ErrActivityPaused):
		return yield("paused", YieldType)
	case errors.Is(err, activity.ErrActivityReset):
		return yield("reset", YieldType)
	case errors.Is(err, errSuperseded):
		return yield(errSuperseded.Error(), SupersededType)
	case errors.As(err, &usage):
		return temporal.NewNonRetryableApplicationError(oneLine(usage.Error()), UsageType, nil)
	case errors.As(err, &file):
		return temporal.NewNonRetryableApplicationError(oneLine(file.Error()), FileType, nil)
	}
	return temporal.NewApplicationError(oneLine(err.Error()), FaultType)
}

// yield ends an attempt that gives way. It is benign: neither logged as an
// error nor counted as one. The next attempt follows at once (a delay of zero
// would mean the retry policy's).
func yield(message, errType string) error {
	return temporal.NewApplicationErrorWithOptions(message, errType, temporal.ApplicationErrorOptions{
		Category:       temporal.ApplicationErrorCategoryBenign,
		NextRetryDelay: time.Millisecond,
	})
}

// maxMessage keeps a message to what can still be read as one line, in bytes.
// The server cuts failures at 4 KiB.
const maxMessage = 1000

// oneLine joins the lines of s and cuts it at maxMessage.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}
