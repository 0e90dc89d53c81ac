package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sluice/pipeline"
)

const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 3
)

// exitStatuses ends the help of the verbs that wait for a run.
const exitStatuses = `
Exit status:
  0  it succeeded
  1  it failed or was cancelled
  2  the call was wrong, and the line on stderr says how to mend it
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`

// unknownError leaves open how a run ends.
type unknownError struct{ message string }

func (e *unknownError) Error() string { return e.message }

func unknownf(format string, args ...any) error {
	return &unknownError{fmt.Sprintf(format, args...)}
}

// shownError is an error that the printed result says already.
type shownError struct{ error }

func (e shownError) Unwrap() error { return e.error }

func statusOf(err error) int {
	var usage *pipeline.UsageError
	var unknown *unknownError
	var ended *endedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.As(err, &ended) && ended.usage:
		return exitUsage
	case errors.As(err, &unknown):
		return exitUnknown
	}
	return exitFailed
}

// report prints err as one line: to stderr, or as JSON to stdout.
func (c *cli) report(err error, asJSON bool) {
	var shown shownError
	switch {
	case errors.As(err, &shown):
	case asJSON:
		c.printJSON(struct {
			Error      string `json:"error"`
			ExitStatus int    `json:"exit_status"`
		}{oneLine(err.Error()), statusOf(err)})
	default:
		c.say("starter: %s", oneLine(err.Error()))
	}
}

func (c *cli) printJSON(v any) {
	out := json.NewEncoder(c.stdout)
	out.SetEscapeHTML(false) // URLs hold &
	// What is printed are structs of numbers and strings; a closed stdout is
	// nobody's concern.
	_ = out.Encode(v)
}

func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
