// Command worker does the runs that `starter` starts: as many of it as one
// likes, on as many machines.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"sluice/internal/failpoint"
	"sluice/pipeline"
	"sluice/pipeline/isolation"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == isolation.Arg {
		os.Exit(decode(os.Args[2:], os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stderr))
}

// run returns the exit status: 0 after a signal, 1 after a failure, 2 for a call
// that was wrong.
func run(args []string, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = failpoint.Arm()
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the process at once
		err = work(ctx, o, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.level})))
	}
	var usage *pipeline.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "worker:", err)
		return 2
	}
	fmt.Fprintln(stderr, "worker:", err)
	return 1
}
