package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/workflows"
)

func (c *cli) verifyCommand() *cobra.Command {
	var input, taskQueue string
	var request pipeline.VerifyRequest
	cmd := &cobra.Command{
		Use:   "verify OUTPUT",
		Short: "Prove that an output is complete, whole and reconciled",
		Long: `Verify has workers hold an output against its dataset: every row of the input
is in a manifest, once; every object that a manifest names exists and is of its
size; every failure has its class. With --deep each object is read, its bytes
are held against its hash, and it is decoded. What is wrong is printed, one
finding a line: of very many, the first 1,000.

With --repair, what is wrong is done again: rows whose objects are missing or
damaged, partitions whose manifests are; and then it verifies once more.

The dataset is the one that the output was made from, unless --input names it.

--json prints: output, workflow_id, files, partitions, rows, counts, objects,
bytes, findings ([{where, problem}]), found (how many), warnings, deep,
repaired (how many findings were, with --repair).

Exit status:
  0  nothing is wrong, or not any more
  1  something is, or it could not be verified
  2  the call was wrong, or there is no such output
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`,
		Example: `  starter verify s3://photos/256
  starter verify ./thumbs --deep --repair`,
		Args: oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			p, err := c.placeOf(cmd.Context(), temporal, t, input, taskQueue)
			if err != nil {
				return err
			}
			return c.verify(cmd.Context(), temporal, t, p, request)
		},
	}
	cmd.Flags().StringVar(&input, "input", "", "`URL` or folder of the dataset (default: what the output was made from)")
	cmd.Flags().BoolVar(&request.Deep, "deep", false, "read every object, hold it against its hash and decode it")
	cmd.Flags().BoolVar(&request.Repair, "repair", false, "have what is wrong done again")
	cmd.Flags().StringVar(&taskQueue, "task-queue", "", "task `queue` of the workers (default: the latest run's, else "+workflows.DefaultTaskQueue+")")
	return cmd
}

func (c *cli) verify(ctx context.Context, temporal client.Client, t target, p place, request pipeline.VerifyRequest) error {
	report, err := c.verified(ctx, temporal, t, p, request)
	if err != nil {
		return err
	}
	if !request.Repair || report.Found == 0 {
		return c.showReport(t, report, 0)
	}
	c.say("%s: they are repaired", many(report.Found, "finding"))
	in := p.redo(pipeline.Selection{Repairs: report.Run})
	if err := c.runToItsEnd(ctx, temporal, t, in, p.taskQueue); err != nil {
		return err
	}
	found := report.Found
	request.Repair = false
	if report, err = c.verified(ctx, temporal, t, p, request); err != nil {
		return err
	}
	return c.showReport(t, report, found)
}

func (c *cli) verified(ctx context.Context, temporal client.Client, t target, p place, request pipeline.VerifyRequest) (report pipeline.Report, err error) {
	err = c.do(ctx, temporal, t, errand{
		id:        workflows.VerifyID(t.id),
		name:      workflows.VerifyWorkflow,
		doing:     "verifying",
		summary:   "verify " + p.output,
		taskQueue: p.taskQueue,
		in:        activities.VerifyInput{Input: p.input, Output: p.output, Request: request},
	}, &report)
	return report, err
}

// verified is the JSON of verify.
type verified struct {
	Output     string `json:"output"` // URL
	WorkflowID string `json:"workflow_id"`
	pipeline.Report
	Repaired int64 `json:"repaired,omitempty"`
}

// showReport prints what was found, after so many findings were repaired, and is
// an error if that is anything.
func (c *cli) showReport(t target, r pipeline.Report, repaired int64) error {
	if c.json {
		c.printJSON(verified{t.output, workflows.VerifyID(t.id), r, max(0, repaired-r.Found)})
	} else {
		c.printReport(r)
	}
	if r.Found > 0 {
		return shownError{errors.New("findings")}
	}
	return nil
}

func (c *cli) printReport(r pipeline.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(c.stdout, "%s: %s\n", oneLine(f.Where), oneLine(f.Problem))
	}
	if more := r.Found - int64(len(r.Findings)); more > 0 {
		fmt.Fprintf(c.stdout, "... and %s more\n", count(more))
	}
	for _, w := range r.Warnings {
		c.say("warning: %s", oneLine(w))
	}
	verdict := "nothing is wrong"
	if r.Found > 0 {
		verdict = many(r.Found, "finding")
	}
	how := "the hashes were not computed, --deep does"
	if r.Deep {
		how = "every object was read, held against its hash and decoded"
	}
	fmt.Fprintf(c.stdout, "%s: %s of %s in %s, %s of %s; %s\n", verdict,
		many(r.Rows, "row"), many(r.Files, "file"), many(r.Partitions, "partition"), many(r.Objects, "object"), size(r.Bytes), how)
}
