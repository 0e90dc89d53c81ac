package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/workflows"
	"sluice/workflows/progress"
)

// maxListed bounds what is read. Visibility returns open runs first, then those
// that closed last, so it is the oldest that are left out.
const maxListed = 1000

func (c *cli) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the runs that Temporal knows, latest first",
		Long: `List shows the runs of the namespace, latest first: at most 1,000, and none
that closed longer ago than Temporal keeps them. Rows are those with an outcome
in published partitions; status OUTPUT counts the others too. A run that was
started a second ago may be missing.

--json prints one line: an array of {output, workflow_id, run_id, status, rows,
done, started, seconds}.

Exit status:
  0  they are listed, and be there none
  2  the call was wrong
  3  Temporal went away`,
		Example: `  starter list
  starter list --json | jq -r '.[] | select(.status == "failed") | .output'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			return c.list(cmd.Context(), temporal)
		},
	}
}

// listed is a run in the list.
type listed struct {
	Output     string          `json:"output"` // URL
	WorkflowID string          `json:"workflow_id"`
	RunID      string          `json:"run_id"`
	Status     progress.Status `json:"status"`
	Rows       int64           `json:"rows"`
	Done       int64           `json:"done"`
	Started    time.Time       `json:"started"`
	Seconds    float64         `json:"seconds"`
}

func (c *cli) list(ctx context.Context, temporal client.Client) error {
	runs := []listed{}
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = '" + workflows.DatasetWorkflow + "'"}
	for {
		page, err := temporal.ListWorkflow(ctx, request)
		if err != nil {
			if away(err) || ctx.Err() != nil {
				return unknownf("Temporal at %s does not answer (%s)", c.address, cause(err))
			}
			return c.explain(err)
		}
		for _, info := range page.GetExecutions() {
			if run, ok := listedOf(info, time.Now()); ok {
				runs = append(runs, run)
			}
		}
		request.NextPageToken = page.GetNextPageToken()
		if len(request.NextPageToken) == 0 || len(runs) >= maxListed {
			break
		}
	}
	slices.SortStableFunc(runs, func(a, b listed) int { return b.Started.Compare(a.Started) })
	if c.json {
		c.printJSON(runs)
		return nil
	}
	return c.table(runs)
}

func listedOf(info *workflowpb.WorkflowExecutionInfo, now time.Time) (listed, bool) {
	id := info.GetExecution().GetWorkflowId()
	output, ok := workflows.OutputOfID(id)
	if !ok {
		return listed{}, false // of another program
	}
	var p workflows.Progress
	// A memo that cannot be read leaves the numbers out, not the run.
	_, _ = progress.Memo(info, workflows.MemoProgress, &p)
	if t := info.GetCloseTime(); t != nil {
		now = t.AsTime()
	}
	started := info.GetStartTime().AsTime()
	return listed{
		Output:     output,
		WorkflowID: id,
		RunID:      info.GetExecution().GetRunId(),
		Status:     progress.StatusOf(info.GetStatus()),
		Rows:       p.Rows,
		Done:       p.Done.Rows() + p.Counts.Rows(),
		Started:    started,
		Seconds:    now.Sub(started).Round(time.Millisecond).Seconds(),
	}, true
}

func (c *cli) table(runs []listed) error {
	if len(runs) == 0 {
		fmt.Fprintf(c.stdout, "Temporal at %s knows no run in namespace %q\n", c.address, c.namespace)
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OUTPUT\tSTATUS\tROWS\tSTARTED\tTOOK")
	for _, r := range runs {
		rows := count(r.Rows)
		if r.Done != r.Rows {
			rows = count(r.Done) + "/" + rows
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Output, r.Status, rows, clock(r.Started), span(time.Duration(r.Seconds*float64(time.Second))))
	}
	return w.Flush()
}
