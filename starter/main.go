// Command starter starts runs and says how they are doing. It talks to Temporal
// and to nothing else: whatever touches data runs on workers.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.temporal.io/sdk/contrib/envconfig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal detaches, the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, envconfig.EnvLookupOS))
}

// run is main with its surroundings as arguments and its exit status as the
// result. ctx ends when the user has had enough of waiting.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, env envconfig.EnvLookup) int {
	return newCLI(stdout, stderr, env).run(ctx, args)
}
