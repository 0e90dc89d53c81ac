package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/pipeline"
	"sluice/workflows"
)

func (c *cli) triggerCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "trigger ID",
		Short: "Start a run now, as the clock would",
		Long: `Trigger starts a night now, also of a schedule that is paused, with the overlap
that the schedule has. It returns once the night is started, or with --wait when
it has ended.

--json prints what describe prints of a night; status is skipped if nothing was
started because a night is open, and requested if it is started later, because
one waits for that.

Exit status:
  0  it is started; with --wait: it succeeded, or was skipped
  1  with --wait: it failed or was cancelled
  2  the call was wrong, or there is no such schedule
  3  the outcome is unknown: Temporal went away, or Ctrl-C ended the waiting`,
		Example: `  starter schedule trigger nightly --wait`,
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the night has ended")
	return c.scheduleVerb(cmd, nil, func(ctx context.Context, s *scheduled) error { return s.trigger(ctx, wait) })
}

func (s *scheduled) trigger(ctx context.Context, wait bool) error {
	was := s.Info
	asked := night{Due: time.Now().UTC().Truncate(time.Second), Status: "requested", Said: "a night is open, and the next one waits for its end"}
	err := s.call(ctx, func(ctx context.Context) error { return s.handle.Trigger(ctx, client.ScheduleTriggerOptions{}) })
	if err != nil {
		return err
	}
	taken, err := s.await(ctx, func() bool {
		return s.Info.NumActions > was.NumActions || s.Info.NumActionsSkippedOverlap > was.NumActionsSkippedOverlap
	})
	switch {
	case err != nil:
		return err
	case !taken && len(s.Info.RunningWorkflows) == 0:
		return unknownf("Temporal at %s has not started it yet; see it with %s", s.address, scheduleVerbOf("describe", s.handle.GetID()))
	case !taken:
		s.showNight(asked)
		return nil
	case s.Info.NumActions == was.NumActions:
		asked.Status, asked.Said = "skipped", "a night is open"
		s.showNight(asked)
		return nil
	}
	started := s.Info.RecentActions[len(s.Info.RecentActions)-1]
	if wait {
		return s.untilEnded(ctx, started)
	}
	n, err := s.night(ctx, s.temporal, s.target(), started)
	if err != nil {
		return err
	}
	s.showNight(n)
	return nil
}

// untilEnded waits for a night's end, and shows what came of it.
func (s *scheduled) untilEnded(ctx context.Context, a client.ScheduleActionResult) error {
	t := s.target()
	t.id = a.StartWorkflowResult.WorkflowID
	f := s.follow(s.temporal, t, a.StartWorkflowResult.FirstExecutionRunID)
	defer f.display.close()
	f.doing = "running"
	f.onward = "the night goes on: see it with " + scheduleVerbOf("describe", s.handle.GetID())
	end, err := f.until(ctx, closed)
	if err != nil {
		return err
	}
	failed := f.result(ctx, end, &workflows.NightResult{})
	if ended := new(endedError); failed != nil && !errors.As(failed, &ended) {
		return failed
	}
	n, err := s.night(ctx, s.temporal, s.target(), a)
	if err != nil {
		return err
	}
	s.showNight(n)
	if failed != nil {
		return shownError{failed}
	}
	return nil
}

func (s *scheduled) showNight(n night) {
	if s.json {
		s.printJSON(n)
		return
	}
	fmt.Fprintf(s.stdout, "%s: %s\n", n.Status, n.words())
	if n.WorkflowID != "" {
		fmt.Fprintf(s.stdout, "  night      %s\n  output     %s\n", n.WorkflowID, s.target().output)
	}
}

// The overlaps of a backfill. All of its nights are due at once.
const bufferAll = "buffer-all"

func (c *cli) backfillCommand() *cobra.Command {
	var from, to, overlap string
	cmd := &cobra.Command{
		Use:   "backfill ID --from TIME [--to TIME]",
		Short: "Start the nights that were due in the past",
		Long: `Backfill starts the nights that were due between two times in the past, both of
them included, under the times at which they were due.

A run takes whatever is new or has changed by now, so that one night does what
all of them would, and the others find nothing new. trigger starts one night now,
and that is mostly what is wanted. Nothing is taken twice: while a night is open,
the others are skipped; --overlap says otherwise.

Times are RFC 3339, 2026-11-25 or "2026-11-25 03:00", in the schedule's zone.

--json prints: id, nights (how many are due), from, to, overlap.
` + scheduleStatuses,
		Example: `  starter schedule backfill nightly --from 2026-11-20 --to "2026-11-25 12:00" --overlap buffer-all`,
	}
	cmd.Flags().StringVar(&from, "from", "", "`time` of the first night")
	cmd.Flags().StringVar(&to, "to", "", "`time` of the last night (default: now)")
	cmd.Flags().StringVar(&overlap, "overlap", "", `what becomes of a night while another one is open: skip, buffer-one (one waits), or
buffer-all, one after the other (default: the schedule's)`)
	overlaps := map[string]enumspb.ScheduleOverlapPolicy{
		"":                          enumspb.SCHEDULE_OVERLAP_POLICY_UNSPECIFIED,
		string(workflows.Skip):      enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		string(workflows.BufferOne): enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		bufferAll:                   enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	}
	check := func() error {
		if from == "" {
			return pipeline.Usagef("--from is missing: the time of the first night")
		}
		if _, ok := overlaps[overlap]; !ok {
			return pipeline.Usagef("--overlap %q is none of %s, %s, %s", overlap, workflows.Skip, workflows.BufferOne, bufferAll)
		}
		return nil
	}
	return c.scheduleVerb(cmd, check, func(ctx context.Context, s *scheduled) error {
		begin, err := s.parseTime("from", from)
		if err != nil {
			return err
		}
		now := time.Now()
		end := now
		if to != "" {
			if end, err = s.parseTime("to", to); err != nil {
				return err
			}
		}
		switch {
		case end.Before(begin):
			return pipeline.Usagef("--to %s is before --from %s", end.Format(time.RFC3339), begin.Format(time.RFC3339))
		case end.After(now):
			return pipeline.Usagef("--to %s is not past: nights to come are the schedule's", end.Format(time.RFC3339))
		}
		return s.backfill(ctx, client.ScheduleBackfill{Start: begin, End: end, Overlap: overlaps[overlap]}, overlap)
	})
}

// parseTime reads a time in the schedule's zone.
func (s *scheduled) parseTime(flag, text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	zone, err := time.LoadLocation(s.Schedule.Spec.TimeZoneName)
	if err != nil {
		return time.Time{}, pipeline.Usagef("--%s: this machine does not know the zone %q: say it as in 2026-11-25T03:00:00+01:00", flag, s.Schedule.Spec.TimeZoneName)
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, pipeline.Usagef(`--%s %q is no time such as 2026-11-25, "2026-11-25 03:00" or 2026-11-25T03:00:00+01:00`, flag, text)
}

func (s *scheduled) backfill(ctx context.Context, b client.ScheduleBackfill, overlap string) error {
	id := s.handle.GetID()
	var due []*timestamppb.Timestamp
	// A backfill begins with its first moment, and this call after it.
	after := timestamppb.New(b.Start.Add(-time.Millisecond))
	err := s.call(ctx, func(ctx context.Context) error {
		r, err := s.temporal.WorkflowService().ListScheduleMatchingTimes(ctx, &workflowservice.ListScheduleMatchingTimesRequest{
			Namespace: s.namespace, ScheduleId: id, StartTime: after, EndTime: timestamppb.New(b.End),
		})
		due = r.GetStartTime()
		return err
	})
	if err != nil {
		return err
	}
	if len(due) == 0 {
		return pipeline.Usagef("%s has no night between %s and %s", id, b.Start.Format(time.RFC3339), b.End.Format(time.RFC3339))
	}
	err = s.call(ctx, func(ctx context.Context) error {
		return s.handle.Backfill(ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{b}})
	})
	if err != nil {
		return err
	}
	if overlap == "" {
		overlap = string(s.policy().Overlap)
	}
	if s.json {
		s.printJSON(struct {
			ID      string    `json:"id"`
			Nights  int       `json:"nights"`
			From    time.Time `json:"from"`
			To      time.Time `json:"to"`
			Overlap string    `json:"overlap"`
		}{id, len(due), b.Start, b.End, overlap})
		return nil
	}
	fmt.Fprintf(s.stdout, "asked for %s, %s to %s (%s)\n  see what comes of it with %s\n", many(len(due), "night"),
		clock(due[0].AsTime()), clock(due[len(due)-1].AsTime()), overlap, scheduleVerbOf("describe", id))
	return nil
}
