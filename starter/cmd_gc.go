package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/workflows"
)

func (c *cli) gcCommand() *cobra.Command {
	var input, taskQueue string
	request := pipeline.CollectRequest{}
	cmd := &cobra.Command{
		Use:   "gc OUTPUT",
		Short: "Remove what no manifest of an output names",
		Long: `Gc removes what work that was given up on has left behind, once that is older
than the horizon: images that no manifest names, parts that no checkpoint names,
the work on files that have changed since, temporary files and open uploads.
What a later run can go on from stays.

An attempt that nobody waits for any more may go on writing for a while, on a
machine that slept, say. What it writes is never named, and the horizon is how
long that can be. No run of the output may be open; one that is started
meanwhile waits.

--json prints: output, workflow_id, images and bytes (removed), work, unfinished
(temporary files and uploads), named (images that stay), young, dry_run.

Exit status:
  0  it is removed, or there was nothing
  1  it could not be done
  2  the call was wrong, or a run is open
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`,
		Example: `  starter gc s3://photos/256 --dry-run
  starter gc s3://photos/256`,
		Args: oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			if request.Horizon < 0 {
				return pipeline.Usagef("--horizon %s is not at least 0", request.Horizon)
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
			var done pipeline.Collected
			err = c.do(cmd.Context(), temporal, t, errand{
				id:        workflows.CollectID(t.id),
				name:      workflows.CollectWorkflow,
				doing:     "collecting",
				summary:   "gc of " + p.output,
				taskQueue: p.taskQueue,
				in:        activities.CollectInput{Input: p.input, Output: p.output, RunID: t.id, Request: request},
			}, &done)
			if err != nil {
				return err
			}
			c.showCollected(t, done)
			return nil
		},
	}
	cmd.Flags().DurationVar(&request.Horizon, "horizon", pipeline.Horizon, "how old what is removed is at least")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "remove nothing, and say how much it would be (temporary files but for)")
	cmd.Flags().StringVar(&input, "input", "", "`URL` or folder of the dataset (default: what the output was made from)")
	cmd.Flags().StringVar(&taskQueue, "task-queue", "", "task `queue` of the workers (default: the latest run's, else "+workflows.DefaultTaskQueue+")")
	return cmd
}

// collected is the JSON of gc.
type collected struct {
	Output     string `json:"output"` // URL
	WorkflowID string `json:"workflow_id"`
	pipeline.Collected
}

func (c *cli) showCollected(t target, done pipeline.Collected) {
	if c.json {
		c.printJSON(collected{t.output, workflows.CollectID(t.id), done})
		return
	}
	verb := "removed"
	if done.DryRun {
		verb = "would remove"
	}
	fmt.Fprintf(c.stdout, "%s %s of %s, %s of work that nobody goes on from, %s\n", verb,
		many(done.Images, "image"), size(done.Bytes), many(done.Work, "object"), many(done.Unfinished, "unfinished write"))
	fmt.Fprintf(c.stdout, "  %s named by manifests or checkpoints stay\n", many(done.Named, "image"))
	if done.Young > 0 {
		fmt.Fprintf(c.stdout, "  %s that nothing names stay until they are old enough\n", many(done.Young, "image"))
	}
}
