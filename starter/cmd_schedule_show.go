package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"sluice/workflows"
)

func (c *cli) listSchedulesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the schedules that Temporal knows",
		Long: `List shows the schedules of the namespace, with when each starts a run next and
what came of its last night. One that was created or changed a second ago may be
missing or be shown as it was.

--json prints one line: an array of {id, output, workflow_id, cron, timezone,
paused, note, next, last}; last is null, or what describe prints of a night.

Exit status:
  0  they are listed, and be there none
  2  the call was wrong
  3  Temporal went away`,
		Example: `  starter schedule list
  starter schedule list --json | jq -r '.[] | select(.last.status == "failed") | .id'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			return c.listSchedules(cmd.Context(), temporal)
		},
	}
}

// listedSchedule is a schedule in the list.
type listedSchedule struct {
	schedule
	Last *night `json:"last"`
}

func (c *cli) listSchedules(ctx context.Context, temporal client.Client) error {
	entries, err := temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return c.notAnswered(ctx, err)
	}
	listed := []listedSchedule{}
	for entries.HasNext() {
		e, err := entries.Next()
		if err != nil {
			return c.notAnswered(ctx, err)
		}
		if e.WorkflowType.Name != workflows.NightWorkflow {
			continue // another program's
		}
		var output string
		// One whose memo cannot be read is listed without its output.
		_ = converter.GetDefaultDataConverter().FromPayload(e.Memo.GetFields()[workflows.MemoOutput], &output)
		s := listedSchedule{schedule: newSchedule(e.ID, output, e.Spec, e.NextActionTimes)}
		s.Paused, s.Note = e.Paused, e.Note
		if n := len(e.RecentActions); n > 0 {
			last, err := c.night(ctx, temporal, target{output, output, s.WorkflowID}, e.RecentActions[n-1])
			if err != nil {
				return err
			}
			s.Last = &last
		}
		listed = append(listed, s)
	}
	slices.SortFunc(listed, func(a, b listedSchedule) int { return cmp.Compare(a.ID, b.ID) })
	if c.json {
		c.printJSON(listed)
		return nil
	}
	return c.scheduleTable(listed)
}

func (c *cli) scheduleTable(listed []listedSchedule) error {
	if len(listed) == 0 {
		fmt.Fprintf(c.stdout, "Temporal at %s knows no schedule in namespace %q\n", c.address, c.namespace)
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tOUTPUT\tCRON\tZONE\tNEXT\tLAST")
	for _, s := range listed {
		next, last := "never", "-"
		switch {
		case s.Paused:
			next = "paused"
		case len(s.Next) > 0:
			next = clock(s.Next[0])
		}
		if s.Last != nil {
			last = s.Last.Status + " " + clock(s.Last.Due) + ": " + s.Last.words()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Output, s.Cron, s.Timezone, next, last)
	}
	return w.Flush()
}

func (c *cli) describeCommand() *cobra.Command {
	return c.scheduleVerb(&cobra.Command{
		Use:   "describe ID",
		Short: "Show a schedule and its last nights",
		Long: `Describe shows a schedule, when it starts runs next, and what came of its last
nights, ten at most, latest first. It loads no history and needs no worker.

--json prints what create prints, and: created, started (nights), skipped (because
a night was open), missed (the catch-up window), nights: {workflow_id, due,
started, ended, status (running, waiting, succeeded, skipped, failed, cancelled,
terminated, forgotten), new, rows, ok, failed, skipped, said}. Of a run that did
not succeed, counts are those of what it published.

Exit status:
  0  it is shown
  2  the call was wrong, or there is no such schedule
  3  Temporal went away`,
		Example: `  starter schedule describe nightly
  starter schedule describe nightly --json | jq '.nights[0]'`,
	}, nil, func(ctx context.Context, s *scheduled) error { return s.describe(ctx) })
}

// described is the JSON of describe.
type described struct {
	schedule
	policy
	Created time.Time `json:"created"`
	Started int       `json:"started"`
	Skipped int       `json:"skipped"`
	Missed  int       `json:"missed"`
	Nights  []night   `json:"nights"` // never null
}

func (s *scheduled) describe(ctx context.Context) error {
	d := described{
		schedule: s.schedule(), policy: s.policy(), Created: s.Info.CreatedAt,
		Started: s.Info.NumActions, Skipped: s.Info.NumActionsSkippedOverlap, Missed: s.Info.NumActionsMissedCatchupWindow,
		Nights: []night{},
	}
	for _, a := range slices.Backward(s.Info.RecentActions) {
		n, err := s.night(ctx, s.temporal, s.target(), a)
		if err != nil {
			return err
		}
		d.Nights = append(d.Nights, n)
	}
	if s.json {
		s.printJSON(d)
		return nil
	}
	fmt.Fprint(s.stdout, s.text())
	fmt.Fprintf(s.stdout, "  %-11s%s started, %s skipped because one was open, %s missed\n", "nights", count(d.Started), count(d.Skipped), count(d.Missed))
	if len(d.Nights) == 0 {
		return nil
	}
	fmt.Fprintln(s.stdout)
	return s.nightTable(d.Nights)
}

// target is the run of the schedule's output.
func (s *scheduled) target() target {
	output, _ := workflows.OutputOfID(s.in.RunID)
	return target{output, output, s.in.RunID}
}
