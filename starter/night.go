package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// night is one start by a schedule, as it is printed. Counts are the whole
// output's, but for New.
type night struct {
	WorkflowID string     `json:"workflow_id"` // of the night; its run has the output's
	Due        time.Time  `json:"due"`
	Started    time.Time  `json:"started"`
	Ended      *time.Time `json:"ended"` // null while it is open
	// Status is a run's, or skipped, waiting (for a run that was open before it),
	// or forgotten (by Temporal, after the retention time).
	Status  string `json:"status"`
	New     int64  `json:"new"`
	Rows    int64  `json:"rows"`
	OK      int64  `json:"ok"`
	Failed  int64  `json:"failed"`
	Skipped int64  `json:"skipped"`
	Said    string `json:"said"` // what came of it, in a line
}

// night reads from memos what became of an action of a schedule of runs of t.
func (c *cli) night(ctx context.Context, temporal client.Client, t target, a client.ScheduleActionResult) (night, error) {
	n := night{Due: a.ScheduleTime, Started: a.ActualTime, Status: "forgotten"}
	if a.StartWorkflowResult == nil {
		return n, nil
	}
	n.WorkflowID = a.StartWorkflowResult.WorkflowID
	described, err := timely{temporal}.DescribeWorkflowExecution(ctx, n.WorkflowID, a.StartWorkflowResult.FirstExecutionRunID)
	if notFound(err) {
		return n, nil
	}
	if err != nil {
		return n, c.notAnswered(ctx, err)
	}
	info := described.GetWorkflowExecutionInfo()
	if t := info.GetCloseTime(); t != nil {
		ended := t.AsTime()
		n.Ended = &ended
	}
	status := progress.StatusOf(info.GetStatus())
	n.Status = string(status)
	var r workflows.NightResult
	// A memo that cannot be read leaves the numbers out, not the night.
	_, _ = progress.Memo(info, workflows.MemoNight, &r)
	n.Said, n.New = oneLine(r.Said), r.New
	n.count(r.Counts)
	switch {
	case r.Skipped:
		n.Status = "skipped"
	case r.Waiting && status.Open():
		n.Status = "waiting"
	case status != progress.Succeeded && r.Run != "":
		// Its run's own memo says how far it has come.
		run, err := timely{temporal}.DescribeWorkflowExecution(ctx, t.id, r.Run)
		if err != nil && !notFound(err) {
			return n, c.notAnswered(ctx, err)
		}
		var p workflows.Progress
		_, _ = progress.Memo(run.GetWorkflowExecutionInfo(), workflows.MemoProgress, &p)
		n.New = p.Counts.Rows()
		n.count(p.Done.Plus(p.Counts))
		n.Rows = p.Rows
	}
	return n, nil
}

func (n *night) count(c pipeline.Counts) {
	n.Rows, n.OK, n.Failed, n.Skipped = c.Rows(), c.OK, c.Failed, c.Skipped
}

func (n night) took() time.Duration {
	switch {
	case n.Ended != nil:
		return n.Ended.Sub(n.Started)
	case n.Status == "forgotten":
		return 0
	}
	return time.Since(n.Started)
}

// words say what came of it, beside its status, and how far a run came that did
// not succeed.
func (n night) words() string {
	switch {
	case n.Said == "":
		return "-"
	case n.New > 0 && n.Status != string(progress.Succeeded):
		return fmt.Sprintf("%s new; %s", count(n.New), n.Said)
	}
	return strings.TrimPrefix(n.Said, n.Status+": ")
}
