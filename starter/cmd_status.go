package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"sluice/pipeline"
	"sluice/workflows"
	"sluice/workflows/progress"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status OUTPUT",
		Short: "Say how a run is doing, or how it ended",
		Long: `Status says once how the latest run of an output is doing, or how it ended. It
loads no history and needs no worker.

--json prints what run prints, and while the run is open "running": planned,
seconds_left (null if nobody can say), partitions by state, at_work (partitions
that are at a worker, those that will take longest first), workers (partitions
that each is at), troubles (what is held up, with the last failure's message),
steered (paused, in_flight, per_host and tolerate, where they were changed); and
"examples", a failed row of each class.

Exit status:
  0  it could be said, however the run is doing
  2  the call was wrong, or there is no such run
  3  Temporal went away`,
		Example: `  starter status s3://photos/256
  starter status ./thumbs --json | jq .running.partitions`,
		Args: oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			return c.status(cmd.Context(), t)
		},
	}
}

// statusResult is a result with what only an open run has.
type statusResult struct {
	result
	Examples pipeline.Examples `json:"examples,omitempty"`
	Running  *running          `json:"running,omitempty"`
}

type running struct {
	Planned     bool                `json:"planned"`
	Cancelling  bool                `json:"cancelling"`
	SecondsLeft *float64            `json:"seconds_left"`
	Partitions  progress.Partitions `json:"partitions"`
	AtWork      []progress.AtWork   `json:"at_work"`
	Workers     map[string]int      `json:"workers"`
	Troubles    []progress.Trouble  `json:"troubles"`
	Steered     *workflows.Steered  `json:"steered,omitempty"`
}

func (c *cli) status(ctx context.Context, t target) error {
	temporal, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	f := c.follow(temporal, t, "")
	defer f.display.close()
	s, _, err := f.read(ctx)
	if err != nil {
		return err
	}
	if s.Status.Open() {
		c.showOpen(t, s)
		return nil
	}
	return f.showEnded(ctx, s)
}

func (c *cli) showOpen(t target, s progress.Snapshot) {
	r := newResult(t, s)
	left := averageLeft(s)
	if c.json {
		details := &running{
			Planned: s.Planned, Cancelling: s.Cancelling, Partitions: s.Partitions, Workers: s.Workers(),
			AtWork: append([]progress.AtWork{}, s.AtWork...), Troubles: append([]progress.Trouble{}, s.Troubles...),
		}
		if s.Steered.ID != "" {
			details.Steered = &s.Steered
		}
		if left > 0 {
			seconds := math.Round(left.Seconds())
			details.SecondsLeft = &seconds
		}
		c.printJSON(statusResult{r, s.Examples, details})
		return
	}
	v := view{Snapshot: s, doing: "planning", left: left}
	fmt.Fprint(c.stdout, r)
	if !s.Planned {
		fmt.Fprintf(c.stdout, "  %s\n", beginning(v))
	} else {
		fmt.Fprintf(c.stdout, "  %s\n  %s\n", headline(v), partitions(v))
	}
	for _, l := range particulars(s) {
		fmt.Fprintf(c.stdout, "  %s\n", l)
	}
	for _, t := range s.Troubles {
		fmt.Fprintf(c.stdout, "  %s\n", troubleLine(t, 0))
	}
}

// averageLeft is by the average since the run began: one look has no other.
func averageLeft(s progress.Snapshot) time.Duration {
	var m progress.Meter
	m.Add(s.Started, s.Counts.Rows()-s.New)
	m.Add(s.At, s.Counts.Rows())
	return m.Left(s.Rows - s.Counts.Rows())
}
