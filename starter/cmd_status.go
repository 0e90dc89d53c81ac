package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"sluice/starter/progress"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status OUTPUT",
		Short: "Say how a run is doing, or how it ended",
		Long: `Status says once how the latest run of an output is doing, or how it ended. It
loads no history and needs no worker.

--json prints what run prints, and while the run is open "running": planned,
seconds_left (null if nobody can say), partitions by state, and troubles: what
is held up, with the last failure's message.

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
	Running *running `json:"running,omitempty"`
}

type running struct {
	Planned     bool                `json:"planned"`
	Cancelling  bool                `json:"cancelling"`
	SecondsLeft *float64            `json:"seconds_left"`
	Partitions  progress.Partitions `json:"partitions"`
	Troubles    []progress.Trouble  `json:"troubles"`
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
		details := &running{Planned: s.Planned, Cancelling: s.Cancelling, Partitions: s.Partitions, Troubles: s.Troubles}
		if details.Troubles == nil {
			details.Troubles = []progress.Trouble{}
		}
		if left > 0 {
			seconds := math.Round(left.Seconds())
			details.SecondsLeft = &seconds
		}
		c.printJSON(statusResult{r, details})
		return
	}
	v := view{Snapshot: s, doing: "planning", left: left}
	fmt.Fprint(c.stdout, r)
	if !s.Planned {
		fmt.Fprintf(c.stdout, "  %s\n", beginning(v))
	} else {
		fmt.Fprintf(c.stdout, "  %s\n  %s\n", headline(v), partitions(v))
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
