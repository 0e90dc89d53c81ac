package main

import (
	"github.com/spf13/cobra"
)

func (c *cli) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch OUTPUT",
		Short: "Show a run live until it has ended",
		Long: `Watch shows how a run is doing until it has ended, and then its result. Ctrl-C
ends the watching, not the run. It works while no worker is up.

--json prints what run --wait prints.
` + exitStatuses,
		Example: `  starter watch s3://photos/256
  starter watch sluice:s3://photos/256`,
		Args: oneOutput,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			temporal, err := c.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			f := c.follow(temporal, t, "")
			defer f.display.close()
			s, err := f.until(cmd.Context(), closed)
			if err != nil {
				return err
			}
			return f.finish(cmd.Context(), s)
		},
	}
}
