// Command demo runs the whole of sluice on this machine: photographs, Parquet
// files that list them, an HTTP server, Temporal, a worker and a run. It is
// `make demo` and `make demo-crash`.
//
//	demo [--crash] [--keep] [--images FOLDER] [--rows N]
//	demo origin --images FOLDER [--latency 200ms] [--requests FILE]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(status(os.Args[1:])) }

// status runs the program and returns its exit status.
func status(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, args)
	var usage usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything that it started has ended")
		return exitFailed
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// usageError is a mistake of the caller.
type usageError struct{ error }

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "origin" {
		return serveOrigin(ctx, args[1:])
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	d := demo{now: time.Now()}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.BoolVar(&d.crash, "crash", false, "kill the worker twice on the way, and prove that this did no harm")
	flags.BoolVar(&d.keep, "keep", false, "leave everything running at the end")
	flags.StringVar(&d.images, "images", "", "`folder` of images (jpg, png, webp) to take instead of made ones")
	flags.IntVar(&d.rows, "rows", 0, "rows of the dataset (default: 1,000, or one for each image of --images)")
	flags.DurationVar(&d.latency, "latency", 0, "what the HTTP server waits before each answer")
	flags.StringVar(&d.memory, "memory", "", "the worker's --memory")
	flags.StringVar(&d.bin, "bin", filepath.Dir(program), "`folder` of the programs")
	flags.StringVar(&d.folder, "folder", filepath.Join("tmp", "demo"), "`folder` for all that is written")
	if err := parse(flags, args); err != nil {
		return err
	}
	if d.rows < 0 {
		return usageError{fmt.Errorf("--rows %d is negative", d.rows)}
	}
	return d.run(ctx)
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q; see %s --help", flags.Arg(0), flags.Name())}
	}
	return nil
}
