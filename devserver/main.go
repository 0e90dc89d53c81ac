// Command devserver is the official Temporal server and its UI over one SQLite
// file, in one process: for a laptop, for the demo and for the tests. It asks
// nobody who they are; see README.md for what it is not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/server/temporal"
)

// Exit statuses, the same as the other programs of this project.
const (
	exitOK     = 0
	exitFailed = 1 // the server did not come up, or broke
	exitUsage  = 2 // the call was wrong: a flag, a port that is taken, a file that cannot be used
)

const (
	// startTimeout bounds the time to the ready line. It is 0.5 s on an idle
	// machine; the rest is for one that is busy compiling.
	startTimeout = 60 * time.Second

	// stopTimeout bounds a clean stop. What was acknowledged is in the write-ahead
	// log already, so a stop that takes longer than this is cut short without harm.
	stopTimeout = 5 * time.Second
)

func main() {
	// Whoever starts this program reads one line from stdout. Libraries under
	// the UI write to os.Stdout when they fail, so they are given stderr.
	stdout := os.Stdout
	os.Stdout = os.Stderr
	os.Exit(run(os.Args[1:], stdout, os.Stderr))
}

// run is main with its streams as arguments and its exit status as the result.
func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		err = serve(opts, stdout, stderr)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "devserver:", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// serve runs the server until SIGTERM or SIGINT. It prints the ready line once
// a request has gone through every service and the UI answers.
func serve(opts options, stdout, stderr io.Writer) error {
	ctx, restoreSignals := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer restoreSignals()

	ports, err := choosePorts(opts)
	if err != nil {
		return err
	}
	if !net.ParseIP(opts.ip).IsLoopback() {
		fmt.Fprintf(stderr, "devserver: warning: %s is not a loopback address, and whoever reaches it can start, read and end every workflow\n", opts.ip)
	}
	db, err := openDatabase(opts.db, opts.namespace)
	if err != nil {
		return err
	}
	defer db.close()

	logger := newLogger(opts.logLevel)
	logger.quiet()
	server, err := temporal.NewServer(serverOptions(opts, ports, db.config, logger.Logger)...)
	if err != nil {
		return fmt.Errorf("setting up the Temporal server: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("starting the Temporal server: %w", err)
	}
	defer func() { stop("the Temporal server", server.Stop, stderr) }()

	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	address := hostPort(reachable(opts.ip), ports.frontend)
	if err := waitServing(startCtx, address, opts.namespace); err != nil {
		return interruptedOr(ctx, fmt.Errorf("the Temporal server does not answer at %s: %w", address, err))
	}

	uiURL := ""
	if ports.ui != 0 {
		ui := startUI(opts, ports)
		defer ui.Stop()
		uiURL = "http://" + hostPort(reachable(opts.ip), ports.ui)
		if err := waitUI(startCtx, uiURL); err != nil {
			return interruptedOr(ctx, fmt.Errorf("the UI does not answer at %s: %w", uiURL, err))
		}
	}

	logger.normal()
	fmt.Fprintf(stdout, "ready address=%s ui=%s\n", address, uiURL)
	<-ctx.Done()
	restoreSignals() // a second signal ends the process at once
	logger.quiet()
	return nil
}

// interruptedOr returns nil when a signal, and not a fault, ended the start.
func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stop calls f and waits for it, but no longer than stopTimeout.
func stop(what string, f func() error, stderr io.Writer) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			fmt.Fprintf(stderr, "devserver: stopping %s: %v\n", what, err)
		}
	case <-time.After(stopTimeout):
		fmt.Fprintf(stderr, "devserver: %s did not stop within %s; leaving it (nothing that it acknowledged is lost)\n", what, stopTimeout)
	}
}
