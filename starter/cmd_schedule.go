package main

import (
	"context"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
)

// scheduleStatuses ends the help of the verbs that do something at once.
const scheduleStatuses = `
Exit status:
  0  it is done
  2  the call was wrong, or there is no such schedule
  3  the outcome is unknown: Temporal went away`

func (c *cli) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Start runs by the clock, every night say",
		Long: `Schedule keeps starts of runs in Temporal, which makes them when they are due,
whether or not anybody is there. Each is a run like any other: it takes what is
new or has changed, and status, watch, pause and cancel are told its output.

Whatever nights were skipped, failed or missed in between, the next one takes
what is missing, and nothing twice.

Exit status: that of the verb, see its help`,
		Example: `  starter schedule create nightly --cron "0 3 * * *" --timezone Europe/Berlin --input s3://photos/urls --output s3://photos/256
  starter schedule describe nightly`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownVerb(cmd, args[0])
		},
	}
	cmd.AddCommand(c.createCommand(), c.listSchedulesCommand(), c.describeCommand(), c.pauseScheduleCommand(), c.unpauseCommand(), c.triggerCommand(), c.backfillCommand(), c.deleteCommand())
	return cmd
}

// maxScheduleID leaves room for the time in the ids of its nights, within
// Temporal's 1,000 bytes and on a line.
const maxScheduleID = 200

// oneSchedule accepts the ID of a verb, and nothing else.
func oneSchedule(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return pipeline.Usagef("which schedule? %s takes its id; starter schedule list shows them", cmd.CommandPath())
	case len(args) > 1:
		return pipeline.Usagef("%s takes one id, and these are %d: %s", cmd.CommandPath(), len(args), strings.Join(args, " "))
	case args[0] == "" || len(args[0]) > maxScheduleID || strings.ContainsFunc(args[0], func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return pipeline.Usagef("%q is no id of a schedule: that is a word of at most %d bytes, such as nightly", args[0], maxScheduleID)
	}
	return nil
}

// scheduleVerb is a verb on a schedule that there is.
func (c *cli) scheduleVerb(cmd *cobra.Command, check func() error, do func(ctx context.Context, s *scheduled) error) *cobra.Command {
	cmd.Args = oneSchedule
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		temporal, err := c.dial(cmd.Context())
		if err != nil {
			return err
		}
		defer temporal.Close()
		s, err := c.scheduled(cmd.Context(), temporal, args[0])
		if err != nil {
			return err
		}
		return do(cmd.Context(), s)
	}
	return cmd
}

func (c *cli) pauseScheduleCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "pause ID",
		Short: "Start no run until unpause",
		Long: `Pause holds a schedule: no run is started by the clock until unpause. A run that
is open goes on; starter pause OUTPUT holds that. trigger and backfill work.

--json prints what create prints.
` + scheduleStatuses,
		Example: `  starter schedule pause nightly --why "the origin moves"`,
	}
	cmd.Flags().StringVar(&why, "why", "", "a `reason`, for whoever looks at it")
	return c.scheduleVerb(cmd, nil, func(ctx context.Context, s *scheduled) error {
		return s.hold(ctx, true, s.handle.GetID(), func(ctx context.Context) error {
			return s.handle.Pause(ctx, client.SchedulePauseOptions{Note: signed("paused", why)})
		})
	})
}

func (c *cli) unpauseCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "unpause ID",
		Short: "Start runs by the clock again",
		Long: `Unpause lets a schedule that is paused go on. What was due meanwhile is not made
up for: the next run takes what is missing, and trigger starts one now.

--json prints what create prints.
` + scheduleStatuses,
		Example: `  starter schedule unpause nightly`,
	}
	cmd.Flags().StringVar(&why, "why", "", "a `reason`, for whoever looks at it")
	return c.scheduleVerb(cmd, nil, func(ctx context.Context, s *scheduled) error {
		return s.hold(ctx, false, s.handle.GetID(), func(ctx context.Context) error {
			return s.handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: signed("unpaused", why)})
		})
	})
}

// hold pauses or unpauses, and waits until that holds.
func (s *scheduled) hold(ctx context.Context, paused bool, id string, call func(context.Context) error) error {
	if err := s.call(ctx, call); err != nil {
		return err
	}
	held, err := s.await(ctx, func() bool { return s.Schedule.State.Paused == paused })
	if err != nil {
		return err
	}
	if !held {
		return unknownf("Temporal at %s has not done it yet; see it with %s", s.address, scheduleVerbOf("describe", id))
	}
	s.show()
	return nil
}

// signed is a note that says who did it, and why.
func signed(what, why string) string {
	note := what + " by " + whoami()
	if why := oneLine(why); why != "" {
		note += ": " + why
	}
	return note
}

func (c *cli) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID",
		Short: "Remove a schedule",
		Long: `Delete removes a schedule. What its runs have made stays, and a run that is open
goes on: starter cancel OUTPUT ends that.

--json prints: id, output, workflow_id, deleted, open (ids of the nights that go
on).
` + scheduleStatuses,
		Example: `  starter schedule delete nightly`,
	}
	return c.scheduleVerb(cmd, nil, func(ctx context.Context, s *scheduled) error {
		if err := s.call(ctx, s.handle.Delete); err != nil {
			return err
		}
		s.showDeleted()
		return nil
	})
}
