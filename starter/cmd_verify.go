package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/pipeline"
	"sluice/workflows"
)

func (c *cli) verifyCommand() *cobra.Command {
	var input, taskQueue string
	var deep bool
	cmd := &cobra.Command{
		Use:   "verify OUTPUT",
		Short: "Prove that an output is complete, whole and reconciled",
		Long: `Verify has a worker hold an output against its dataset: every row of the input
is in a manifest, once; every object that a manifest names exists and is of its
size; every failure has its class. With --deep each object is read, and its
bytes held against its hash. What is wrong is printed, one finding a line: of
very many, the first 1,000.

The input is taken from the output's latest run. If Temporal has forgotten that,
--input names it.

--json prints: output, workflow_id, files, partitions, rows, counts, objects,
bytes, findings ([{where, problem}]), found (how many), warnings, deep.

Exit status:
  0  nothing is wrong
  1  something is, or it could not be verified
  2  the call was wrong, or there is no such run
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`,
		Example: `  starter verify s3://photos/256
  starter verify ./thumbs --deep`,
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
			v := verification{cli: c, temporal: temporal, target: t, taskQueue: taskQueue}
			v.in.Options.Deep = deep
			if err := v.prepare(cmd.Context(), input); err != nil {
				return err
			}
			report, err := v.run(cmd.Context())
			if err != nil {
				return err
			}
			return c.showReport(t, report)
		},
	}
	cmd.Flags().StringVar(&input, "input", "", "`URL` or folder of the dataset (default: the latest run's)")
	cmd.Flags().BoolVar(&deep, "deep", false, "read every object and hold it against its hash")
	cmd.Flags().StringVar(&taskQueue, "task-queue", "", "task `queue` of the workers (default: the latest run's, else "+workflows.DefaultTaskQueue+")")
	return cmd
}

// verified is the JSON of verify.
type verified struct {
	Output     string `json:"output"` // URL
	WorkflowID string `json:"workflow_id"`
	pipeline.Report
}

// showReport prints what was found, and is an error if that is anything.
func (c *cli) showReport(t target, r pipeline.Report) error {
	if c.json {
		c.printJSON(verified{t.output, workflows.VerifyID(t.id), r})
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
		how = "every object was read and held against its hash"
	}
	fmt.Fprintf(c.stdout, "%s: %s of %s in %s, %s of %s; %s\n", verdict,
		many(r.Rows, "row"), many(r.Files, "file"), many(r.Partitions, "partition"), many(r.Objects, "object"), size(r.Bytes), how)
}
