package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"sluice/workflows"
	"sluice/workflows/progress"
)

func (c *cli) runCommand() *cobra.Command {
	var f runFlags
	var wait bool
	cmd := &cobra.Command{
		Use:   "run --input URL --output URL",
		Short: "Start a run, or go on with one",
		Long: `Run downloads, resizes and stores every image of a dataset. It returns once
the plan is accepted, or with --wait when the run has ended.

An output has one run at a time. Called again,
  while that is open   run attaches to it, if input and images are the same;
  after it failed      it goes on with what is missing;
  after it succeeded   it takes the files that are new or have changed.

Ctrl-C ends the waiting, not the run.

--json prints: output, workflow_id, status (running, succeeded, failed,
cancelled, terminated, timed_out), rows, ok, failed, skipped, partitions,
bytes_in, bytes_out, seconds, images_per_second, errors (class to count),
manifest (URL), new (rows that this run did); error and failures if it failed.
Counts are the whole output's, but for new.
` + exitStatuses + `

Without --wait, 0 says that the plan was accepted.`,
		Example: `  starter run --input s3://photos/urls --output s3://photos/256 --column url --wait
  starter run --input ./urls --output ./thumbs --size 320x240 --fit inside --format webp`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := f.read(cmd.Flags())
			if err != nil {
				return err
			}
			t, err := parseTarget(f.output)
			if err != nil {
				return err
			}
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			return c.startAndFollow(cmd.Context(), temporal, t, in, f.taskQueue, wait)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended")
	return cmd
}

func (c *cli) startAndFollow(ctx context.Context, temporal client.Client, t target, in workflows.RunInput, taskQueue string, wait bool) error {
	runID, err := c.start(ctx, temporal, t, in, taskQueue)
	if err != nil {
		return err
	}
	f := c.follow(temporal, t, runID)
	defer f.display.close()
	s, err := f.until(ctx, func(s progress.Snapshot) bool { return s.Planned && !wait })
	if err != nil {
		return err
	}
	if !s.Status.Open() {
		return f.finish(ctx, s)
	}
	c.show(newResult(t, s), fmt.Sprintf("  go on with %s\n", t.command("watch")))
	return nil
}
