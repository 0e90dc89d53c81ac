package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice/workflows/progress"
)

func (c *cli) cancelCommand() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:   "cancel OUTPUT",
		Short: "End a run; run goes on from there",
		Long: `Cancel asks the open run of an output to end, and waits until it has: partitions
at work take a checkpoint and stop. What is done stays done, and the same
starter run goes on from there.

Without a worker nobody takes a checkpoint, and the run stays open until there
is one. Ctrl-C ends the waiting; the request stands.

--json prints what run prints.

Exit status:
  0  the run has ended, or had already; with --no-wait, it was asked to
  2  the call was wrong, or there is no such run
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`,
		Example: `  starter cancel s3://photos/256`,
		Args:    oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			return c.cancel(cmd.Context(), t, noWait)
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until it has ended")
	return cmd
}

func (c *cli) cancel(ctx context.Context, t target, noWait bool) error {
	temporal, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	f := c.follow(temporal, t, "")
	defer f.display.close()
	f.onward = "the run ends as asked: see it with " + t.command("watch")
	s, _, err := f.read(ctx)
	if err != nil {
		return err
	}
	if !s.Status.Open() {
		c.say("nothing to cancel: the run %s at %s", s.Status, clock(s.Closed))
		return f.showEnded(ctx, s)
	}
	err = f.answered(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return temporal.CancelWorkflow(ctx, t.id, s.RunID)
	})
	if err != nil {
		return err
	}
	if noWait {
		s.Cancelling = true
		c.show(newResult(t, s), "  asked to end\n")
		return nil
	}
	if s, err = f.until(ctx, closed); err != nil {
		return err
	}
	if s.Status != progress.Cancelled {
		c.say("it %s before it could be cancelled", s.Status)
	}
	return f.showEnded(ctx, s)
}
