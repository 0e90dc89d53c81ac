package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

// steerStatuses ends the help of the verbs that change an open run.
const steerStatuses = `
Exit status:
  0  it is done; with --no-wait, it was asked for
  1  the run ended before it could be done
  2  the call was wrong, or no run of the output is open
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`

func (c *cli) pauseCommand() *cobra.Command {
	var why string
	return c.steerCommand(&cobra.Command{
		Use:   "pause OUTPUT",
		Short: "Hold a run, and lose nothing",
		Long: `Pause holds the open run of an output, and waits until its workers are free:
downloads are cut short, decodes end, and what is done is in a checkpoint. No
partition and no later pass begins until resume. It holds across restarts of
workers and of Temporal.

--json prints what status prints.
` + steerStatuses,
		Example: `  starter pause s3://photos/256 --why "the origin complains"`,
	}, func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&why, "why", "", "a `reason`, for whoever looks at it in the Temporal UI")
	}, func(s *workflows.Steer) error {
		paused := true
		s.Paused, s.By, s.Why = &paused, whoami(), oneLine(why)
		return nil
	}, func(s progress.Snapshot) bool { return len(s.AtWork) == 0 })
}

func (c *cli) resumeCommand() *cobra.Command {
	return c.steerCommand(&cobra.Command{
		Use:   "resume OUTPUT",
		Short: "Let a paused run go on",
		Long: `Resume lets a run that is paused go on from its checkpoints.

--json prints what status prints.
` + steerStatuses,
		Example: `  starter resume s3://photos/256`,
	}, nil, func(s *workflows.Steer) error {
		paused := false
		s.Paused = &paused
		return nil
	}, nil)
}

func (c *cli) setCommand() *cobra.Command {
	var inFlight, perHost int
	var tolerate string
	var flags interface{ Changed(string) bool }
	return c.steerCommand(&cobra.Command{
		Use:   "set OUTPUT",
		Short: "Change how an open run goes on",
		Long: `Set changes an open run. What is at work under another --per-host takes a
checkpoint and goes on under the new one; a smaller --in-flight begins nothing
until as many partitions have ended.

--json prints what status prints.
` + steerStatuses,
		Example: `  starter set s3://photos/256 --per-host 2
  starter set s3://photos/256 --in-flight 16 --tolerate 5%`,
	}, func(cmd *cobra.Command) {
		flags = cmd.Flags()
		cmd.Flags().IntVar(&inFlight, "in-flight", 0, "how many child workflows are open at once (at most 100 where a plan is not cut into slices)")
		cmd.Flags().IntVar(&perHost, "per-host", 0, perHostUsage)
		cmd.Flags().StringVar(&tolerate, "tolerate", "", "how many rows may fail before the run is stopped: 5%, or a number")
	}, func(s *workflows.Steer) error {
		if flags.Changed("in-flight") {
			if inFlight < 1 || inFlight > maxInFlight {
				return pipeline.Usagef("--in-flight %d is not from 1 to %d", inFlight, maxInFlight)
			}
			s.InFlight = &inFlight
		}
		if flags.Changed("per-host") {
			if perHost < 0 {
				return badPerHost(perHost)
			}
			s.PerHost = &perHost
		}
		if flags.Changed("tolerate") {
			if err := workflows.Tolerance(tolerate).Check(); err != nil {
				return err
			}
			s.Tolerate = &tolerate
		}
		if s.InFlight == nil && s.PerHost == nil && s.Tolerate == nil {
			return pipeline.Usagef("set what? --in-flight, --per-host or --tolerate")
		}
		return nil
	}, nil)
}

// steerCommand is a verb that changes an open run. fill says how, and settled,
// if there is one, when that has taken effect beyond the dataset workflow.
func (c *cli) steerCommand(cmd *cobra.Command, register func(*cobra.Command), fill func(*workflows.Steer) error, settled func(progress.Snapshot) bool) *cobra.Command {
	var noWait bool
	cmd.Args = oneOutput
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := parseTarget(args[0])
		if err != nil {
			return err
		}
		s := workflows.Steer{ID: rand.Text()}
		if err := fill(&s); err != nil {
			return err
		}
		return c.steer(cmd.Context(), t, s, noWait, settled)
	}
	if register != nil {
		register(cmd)
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until it has taken effect")
	return cmd
}

func (c *cli) steer(ctx context.Context, t target, s workflows.Steer, noWait bool, settled func(progress.Snapshot) bool) error {
	temporal, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	f := c.follow(temporal, t, "")
	defer f.display.close()
	f.onward = "the run does as it was told: see it with " + t.command("status")
	run, _, err := f.read(ctx)
	if err != nil {
		return err
	}
	if !run.Status.Open() {
		return pipeline.Usagef("no run of %s is open: the last one %s at %s", t.output, run.Status, clock(run.Closed))
	}
	err = f.answered(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return temporal.SignalWorkflow(ctx, t.id, run.RunID, workflows.SignalSteer, s)
	})
	if err != nil {
		return err
	}
	if noWait {
		c.showOpen(t, run)
		return nil
	}
	run, err = f.until(ctx, func(now progress.Snapshot) bool {
		return now.Steered.ID == s.ID && (settled == nil || settled(now))
	})
	if err != nil {
		return err
	}
	if !run.Status.Open() {
		return &endedError{message: fmt.Sprintf("the run %s before it could be done", run.Status)}
	}
	f.display.close()
	c.showOpen(t, run)
	return nil
}

// whoami is who says so, as Temporal's own tools put it.
func whoami() string {
	host, _ := os.Hostname() // a machine without a name is none
	return strings.Trim(os.Getenv("USER")+"@"+host, "@")
}
