package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/workflows"
)

func (c *cli) retryCommand() *cobra.Command {
	var sel pipeline.Selection
	var classes []string
	var taskQueue string
	var wait bool
	cmd := &cobra.Command{
		Use:   "retry OUTPUT",
		Short: "Have rows that failed done again",
		Long: `Retry does the rows of an output again that failed, all of them or those of some
classes or hosts, and no other. They are found in the manifests, and the dataset
is not read. What becomes of them takes the place of what was. It is a run like
any other: status, watch, pause and cancel are told its output.

--json prints what run prints; new is how many rows were done again.
` + exitStatuses + `

Without --wait, 0 says that the plan was accepted.`,
		Example: `  starter retry s3://photos/256 --wait
  starter retry s3://photos/256 --class timeout,http_5xx --host img.example.com`,
		Args: oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			for _, class := range classes {
				sel.Classes = append(sel.Classes, pipeline.Class(class))
			}
			for _, flag := range []string{"class", "host"} {
				if values, _ := cmd.Flags().GetStringSlice(flag); cmd.Flags().Changed(flag) && len(values) == 0 {
					return pipeline.Usagef("--%s names nothing: leave it out to do all rows that failed again", flag)
				}
			}
			if err := sel.Check(); err != nil {
				return err
			}
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			p, err := c.placeOf(cmd.Context(), temporal, t, "", taskQueue)
			if err != nil {
				return err
			}
			return c.startAndFollow(cmd.Context(), temporal, t, p.redo(sel), p.taskQueue, wait)
		},
	}
	cmd.Flags().StringSliceVar(&classes, "class", nil, "error `classes` to do again, timeout,http_5xx (default: all)")
	cmd.Flags().StringSliceVar(&sel.Hosts, "host", nil, "`hosts` whose rows are done again, as the sources name them (default: all)")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended")
	cmd.Flags().StringVar(&taskQueue, "task-queue", "", "task `queue` of the workers (default: the latest run's, else "+workflows.DefaultTaskQueue+")")
	words := make([]string, len(pipeline.Classes))
	for i, class := range pipeline.Classes {
		words[i] = string(class)
	}
	_ = cmd.RegisterFlagCompletionFunc("class", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// redo is a run that does published rows again, at the pace of the latest one.
func (p place) redo(sel pipeline.Selection) workflows.RunInput {
	in := workflows.RunInput{Waits: defaultWaits}
	if p.run != nil {
		in = *p.run
	}
	in.Spec = pipeline.Spec{Input: p.input}
	in.Output = p.output
	in.Redo = &sel
	// What was tolerated of the whole says nothing of the partitions in which rows
	// failed.
	in.Tolerate = ""
	return in.WithDefaults()
}

// runToItsEnd does a run that is a step of another verb.
func (c *cli) runToItsEnd(ctx context.Context, temporal client.Client, t target, in workflows.RunInput, taskQueue string) error {
	runID, err := c.start(ctx, temporal, t, in, taskQueue)
	if err != nil {
		return err
	}
	f := c.follow(temporal, t, runID)
	defer f.display.close()
	s, err := f.until(ctx, closed)
	if err != nil {
		return err
	}
	_, err = f.ended(ctx, s)
	if ended := new(endedError); errors.As(err, &ended) {
		return &endedError{message: "the repair: " + ended.message, usage: ended.usage}
	}
	return err
}
