package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/sdk/contrib/envconfig"

	"sluice/pipeline"
)

// cli is one call of the program: what all verbs share.
type cli struct {
	stdout, stderr io.Writer
	env            envconfig.EnvLookup

	json                        bool
	address, namespace, profile string

	// dialTimeout bounds the time until Temporal answers for the first time.
	dialTimeout time.Duration
	// patience is how long Temporal may be away in the middle of a wait before
	// the outcome is called unknown. A server restarts within this.
	patience time.Duration
}

func newCLI(stdout, stderr io.Writer, env envconfig.EnvLookup) *cli {
	return &cli{stdout: stdout, stderr: stderr, env: env, dialTimeout: 5 * time.Second, patience: time.Minute}
}

func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root() //nolint:contextcheck // the verbs take the context of ExecuteContext
	root.SetArgs(args)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		// A flag that cannot be read ends the reading, perhaps before --json.
		c.report(err, c.json || wantsJSON(args))
	}
	return statusOf(err)
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Start runs over datasets of image URLs, and see how they are doing",
		Long: `starter starts a Temporal workflow that downloads, resizes and stores every
image whose URL stands in a column of a Parquet dataset, and shows how it is
doing. It talks to Temporal and to nothing else.

A run is its output: every verb takes the output's URL, its path, or the id of
its workflow as the Temporal UI shows it.

Temporal is found as its own tools find it: by TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, TEMPORAL_PROFILE, temporal.toml, or the flags below.

Progress goes to stderr and results to stdout. With --json the result is one
line of JSON; so is an error: {"error": ..., "exit_status": ...}.
` + exitStatuses,
		Example: `  starter run --input s3://photos/urls --output s3://photos/256 --column url --wait
  starter status s3://photos/256`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownVerb(cmd, args[0])
		},
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&c.json, "json", false, "print the result as one line of JSON")
	flags.StringVar(&c.address, "address", "", "`HOST:PORT` of Temporal (default: TEMPORAL_ADDRESS, temporal.toml, 127.0.0.1:7233)")
	flags.StringVar(&c.namespace, "namespace", "", "Temporal `namespace` (default: TEMPORAL_NAMESPACE, temporal.toml, default)")
	flags.StringVar(&c.profile, "profile", "", "`profile` of temporal.toml (default: TEMPORAL_PROFILE)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return pipeline.Usagef("%s; %s --help lists the flags", flagProblem(err), cmd.CommandPath())
	})
	root.AddCommand(c.runCommand(), c.statusCommand(), c.watchCommand(), c.listCommand(), c.pauseCommand(), c.resumeCommand(), c.setCommand(), c.cancelCommand(), c.retryCommand(), c.verifyCommand(), c.gcCommand(), c.scheduleCommand())
	return root
}

// flagProblem says what is wrong with a flag, without the function of Go that found
// it.
func flagProblem(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return oneLine(err.Error())
	}
	kind := invalid.GetFlag().Value.Type()
	switch kind {
	case "int", "int64":
		kind = "whole number"
	case "duration":
		kind = "duration such as 10s or 2m"
	case "bool":
		kind = "true or false"
	}
	return fmt.Sprintf("--%s %q is no %s", invalid.GetFlag().Name, oneLine(invalid.GetValue()), kind)
}

func unknownVerb(root *cobra.Command, verb string) error {
	root.SuggestionsMinimumDistance = 2
	if like := root.SuggestionsFor(verb); len(like) > 0 {
		return pipeline.Usagef("there is no verb %q; did you mean %s?", verb, strings.Join(like, " or "))
	}
	return pipeline.Usagef("there is no verb %q; %s --help lists them", verb, root.CommandPath())
}

// oneOutput accepts the OUTPUT of a verb, and nothing else.
func oneOutput(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return pipeline.Usagef("which output? %s takes its URL, its path or the id of its workflow; starter list shows them", cmd.CommandPath())
	case 1:
		return nil
	}
	return pipeline.Usagef("%s takes one output, and these are %d: %s", cmd.CommandPath(), len(args), strings.Join(args, " "))
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return pipeline.Usagef("%s takes flags only, and %q is none; %s --help lists them", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// say writes a line for people to stderr.
func (c *cli) say(format string, args ...any) {
	fmt.Fprintf(c.stderr, format+"\n", args...)
}
