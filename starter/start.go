package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// start starts the run, or attaches to the one that is open if that is the same.
// It returns the run's id within its workflow.
func (c *cli) start(ctx context.Context, temporal client.Client, t target, in workflows.RunInput, taskQueue string) (runID string, err error) {
	in.Indexed = c.indexed(ctx, temporal)
	// The open run may close between the refusal and the look at it, and then
	// there is nothing in the way any more. Twice in a row is no coincidence.
	for range 3 {
		run, err := temporal.ExecuteWorkflow(ctx, startOptions(t, in, taskQueue), workflows.DatasetWorkflow, in)
		if err == nil {
			return run.GetRunID(), nil
		}
		open := new(serviceerror.WorkflowExecutionAlreadyStarted)
		if !errors.As(err, &open) {
			return "", c.startFailed(ctx, t, err)
		}
		described, err := temporal.DescribeWorkflowExecution(ctx, t.id, "")
		if err != nil {
			return "", c.startFailed(ctx, t, err)
		}
		info := described.GetWorkflowExecutionInfo()
		if !progress.StatusOf(info.GetStatus()).Open() {
			continue
		}
		var was workflows.RunInput
		if ok, err := progress.Memo(info, workflows.MemoRun, &was); !ok || err != nil {
			return "", pipeline.Usagef("a workflow %s is open that this program did not start: end it, or take another --output", t.id)
		}
		if d := difference(was, in); d != "" {
			return "", pipeline.Usagef("another run writes to %s: %s; wait for it, take another --output, or: %s", t.output, d, t.command("cancel"))
		}
		c.say("attached to the run that is open since %s", clock(info.GetStartTime().AsTime()))
		if d := pace(was, in); d != "" {
			c.say("it keeps what it was started with: %s", d)
		}
		return info.GetExecution().GetRunId(), nil
	}
	return "", unknownf("runs of %s are started and end all the time; is something else at it? See: %s", t.output, t.command("status"))
}

// difference says in what the open run is another one than is asked for, or "".
func difference(was, in workflows.RunInput) string {
	switch {
	case was.Redo == nil && in.Redo == nil:
		return was.Spec.Difference(in.Spec)
	case was.Redo == nil:
		return "it does what is new, and this one does rows again"
	case in.Redo == nil:
		return "it does rows again that are published"
	case !reflect.DeepEqual(was.Redo, in.Redo):
		return "it does other rows again"
	}
	return ""
}

func startOptions(t target, in workflows.RunInput, taskQueue string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        t.id,
		TaskQueue: taskQueue,
		// One open run an output, any number of closed ones.
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{workflows.MemoRun: in},
		TypedSearchAttributes:                    in.SearchAttributes(),
		StaticSummary:                            summary(in),
		StaticDetails:                            details(in),
	}
}

// startFailed says what a failed call to Temporal leaves behind.
func (c *cli) startFailed(ctx context.Context, t target, err error) error {
	if away(err) || ctx.Err() != nil {
		return unknownf("Temporal at %s did not answer, and the run may have been started or not; once it is back, see: %s", c.address, t.command("status"))
	}
	return c.explain(err)
}

// pace says in what the open run proceeds otherwise than was asked for. That
// makes no other output, so it is no reason to refuse.
func pace(was, is workflows.RunInput) string {
	var kept []string
	for _, f := range []struct {
		flag    string
		was, is any
	}{
		{"rows-per-partition", was.RowsPerPartition, is.RowsPerPartition},
		{"in-flight", was.InFlight, is.InFlight},
		{"per-host", was.PerHost, is.PerHost},
		{"heartbeat-timeout", was.HeartbeatTimeout, is.HeartbeatTimeout},
		{"waits", formatWaits(was.Waits), formatWaits(is.Waits)},
		{"tolerate", cmp.Or(was.Tolerate, "100%"), cmp.Or(is.Tolerate, "100%")},
	} {
		if f.was != f.is {
			kept = append(kept, fmt.Sprintf("--%s %v", f.flag, f.was))
		}
	}
	return strings.Join(kept, ", ")
}

// summary is the run in one line of the UI's list, which shows 400 bytes.
func summary(in workflows.RunInput) string {
	if in.Redo != nil {
		return "rows of " + bare(in.Output) + " again: " + selected(*in.Redo)
	}
	t := in.Spec.Target
	s := fmt.Sprintf("%s → %s, %dx%d %s %s", bare(in.Spec.Input), bare(in.Output), t.Width, t.Height, t.Fit, t.Format)
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:397], "") + "…"
	}
	return s
}

// bare is a URL without its query, which says how a store is reached.
func bare(url string) string {
	place, _, _ := strings.Cut(url, "?")
	return place
}

// details is the run in Markdown, for its page in the UI.
func details(in workflows.RunInput) string {
	if in.Redo != nil {
		return fmt.Sprintf("Rows of `%s` are done again: %s. Its other rows stay as they are.\n", bare(in.Output), selected(*in.Redo))
	}
	t := in.Spec.Target
	image := fmt.Sprintf("%dx%d, %s, %s", t.Width, t.Height, t.Fit, t.Format)
	if t.Format != pipeline.PNG {
		image += fmt.Sprintf(", quality %d", t.Quality)
	}
	if t.Position != pipeline.Centre {
		image += ", position " + string(t.Position)
	}
	if t.Background != "" {
		image += ", background " + string(t.Background)
	}
	for _, said := range []struct {
		is   bool
		word string
	}{{t.NoEnlarge, "not enlarged"}, {t.KeepMetadata, "with metadata"}, {t.AcceptTruncated, "truncated ones too"}} {
		if said.is {
			image += ", " + said.word
		}
	}
	keep := "all scalar ones"
	if in.Spec.KeepColumns != nil {
		keep = "`" + strings.Join(in.Spec.KeepColumns, "`, `") + "`"
	}
	key := in.Spec.Key
	if key == "" {
		key = pipeline.DefaultKey
	}
	perHost := "what each worker allows"
	if n := in.PerHost; n > 0 {
		perHost = fmt.Sprintf("%d from each worker at most", n)
	}
	return fmt.Sprintf(`Images of a dataset, one child workflow a partition.

| | |
|---|---|
| Input | %s |
| Column | %s |
| Output | %s |
| Images | %s |
| Keys | %s |
| Kept columns | %s |
| Partitions | of about %s rows, %d in flight |
| Connections to a host | %s |
| Later passes | after %s |
| A worker is taken for dead | after %s of silence |
`, "`"+bare(in.Spec.Input)+"`", "`"+in.Spec.Column+"`", "`"+bare(in.Output)+"`", image, "`"+key+"`", keep,
		count(in.RowsPerPartition), in.InFlight, perHost, formatWaits(in.Waits), in.HeartbeatTimeout)
}

// selected says which rows a selection is of.
func selected(sel pipeline.Selection) string {
	if sel.Repairs != "" {
		return "what a verification found to be wrong"
	}
	words := "those that failed"
	for i, class := range sel.Classes {
		words += []string{" with ", ", "}[min(i, 1)] + string(class)
	}
	if len(sel.Hosts) > 0 {
		words += " at " + strings.Join(sel.Hosts, ", ")
	}
	return words
}
