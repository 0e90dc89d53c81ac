package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
	"sluice/workflows"
)

const (
	// Whatever was missed, the next night takes it: a start that is hours late
	// gains little, and may come when the origin is busy. Temporal's own default
	// is a year.
	defaultCatchup = time.Hour
	// The server takes less than this for this.
	minCatchup = 10 * time.Second
	maxCatchup = 365 * 24 * time.Hour
)

// scheduleFlags are the flags of a schedule beside those of its runs.
type scheduleFlags struct {
	cron, timezone string
	overlap        string
	catchup        time.Duration
}

func (f *scheduleFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.cron, "cron", "", `when a run is started: minute, hour, day of the month, month, day of the week, such as
"0 3 * * *"; or @hourly, @daily, @every 6h`)
	flags.StringVar(&f.timezone, "timezone", "", "time `zone` of --cron, such as Europe/Berlin (default: UTC)")
	flags.StringVar(&f.overlap, "overlap", string(workflows.Skip), `what a night does that finds a run open: skip, or buffer-one, which waits for its end
(one night waits at most)`)
	flags.DurationVar(&f.catchup, "catchup-window", defaultCatchup, "how late a run is still started that was due while Temporal was down")
}

func (f *scheduleFlags) check() error {
	switch {
	case strings.TrimSpace(f.cron) == "":
		return pipeline.Usagef(`--cron is missing: when a run is started, such as "0 3 * * *"`)
	case f.overlap != string(workflows.Skip) && f.overlap != string(workflows.BufferOne):
		return pipeline.Usagef("--overlap %q is none of %s, %s", f.overlap, workflows.Skip, workflows.BufferOne)
	case f.catchup < minCatchup || f.catchup > maxCatchup:
		return pipeline.Usagef("--catchup-window %s is not from %s to %s", f.catchup, minCatchup, maxCatchup)
	}
	return nil
}

func (c *cli) createCommand() *cobra.Command {
	var run runFlags
	var f scheduleFlags
	cmd := &cobra.Command{
		Use:   "create ID --cron EXPR --input URL --output URL",
		Short: "Start runs by the clock from now on",
		Long: `Create has Temporal start a run whenever --cron says, with the flags of starter
run. Each takes what is new or has changed; one that finds nothing costs listings.

While a run of the output is open, whoever started it, a night is skipped and
says so; with --overlap buffer-one it waits for the end of that.

The clock is that of --timezone. A time that the clocks skip in spring has no run
that day, and one that they repeat in autumn has two; neither costs a row.

--json prints: id, output, workflow_id (of its runs), cron, timezone, paused,
note, next (times), input, overlap, catchup_seconds.
` + scheduleStatuses,
		Example: `  starter schedule create nightly --cron "0 3 * * *" --timezone Europe/Berlin --input s3://photos/urls --output s3://photos/256
  starter schedule create hourly --cron @hourly --overlap buffer-one --input ./urls --output ./thumbs`,
		Args: oneSchedule,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := workflows.OutputOfID(args[0]); ok {
				return pipeline.Usagef("%q is the id of a run: give the schedule a name of its own, such as nightly", args[0])
			}
			in, err := run.read(cmd.Flags())
			if err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			t, err := parseTarget(run.output)
			if err != nil {
				return err
			}
			conn, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer conn.Close()
			in.Indexed = c.indexed(cmd.Context(), conn)
			if err := c.createSchedule(cmd.Context(), conn, f.options(args[0], t, in, run.taskQueue)); err != nil {
				return err
			}
			s, err := c.scheduled(cmd.Context(), conn, args[0])
			if err != nil {
				return err
			}
			s.show()
			return nil
		},
	}
	run.register(cmd)
	f.register(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("overlap", cobra.FixedCompletions([]string{string(workflows.Skip), string(workflows.BufferOne)}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// options are the schedule as Temporal keeps it.
func (f *scheduleFlags) options(id string, t target, in workflows.RunInput, taskQueue string) client.ScheduleOptions {
	overlap := workflows.Overlap(f.overlap)
	night := workflows.NightInput{Run: in, RunID: t.id, Overlap: overlap, Summary: summary(in), Details: details(in)}
	return client.ScheduleOptions{
		ID:   id,
		Spec: client.ScheduleSpec{CronExpressions: []string{cronComment(f.cron)}, TimeZoneName: f.timezone},
		Action: &client.ScheduleWorkflowAction{
			ID:            id, // to which the server adds the time that it was due
			Workflow:      workflows.NightWorkflow,
			Args:          []any{night},
			TaskQueue:     taskQueue,
			StaticSummary: summary(in),
		},
		Overlap:       overlapPolicy(overlap),
		CatchupWindow: f.catchup,
		Memo:          map[string]any{workflows.MemoOutput: t.output},
	}
}

func (c *cli) createSchedule(ctx context.Context, conn client.Client, opts client.ScheduleOptions) error {
	timely, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := conn.ScheduleClient().Create(timely, opts)
	invalid := new(serviceerror.InvalidArgument)
	switch {
	case errors.Is(err, temporal.ErrScheduleAlreadyRunning):
		return pipeline.Usagef("there is a schedule %q already: see it with %s, remove it with %s",
			opts.ID, scheduleVerbOf("describe", opts.ID), scheduleVerbOf("delete", opts.ID))
	case errors.As(err, &invalid):
		cron, _, _ := strings.Cut(opts.Spec.CronExpressions[0], " #")
		return pipeline.Usagef("Temporal takes neither --cron %q in --timezone %q nor anything like it: %s", cron, opts.Spec.TimeZoneName, oneLine(invalid.Message))
	case err == nil:
		return nil
	case away(err) || ctx.Err() != nil:
		return unknownf("Temporal at %s did not answer, and the schedule may have been created or not; once it is back, see: %s", c.address, scheduleVerbOf("describe", opts.ID))
	}
	return c.explain(err)
}
