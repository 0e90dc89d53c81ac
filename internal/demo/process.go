package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"sluice/internal/demo/stack"
)

// process starts the run and waits for its end, with the starter's progress on
// the terminal; in a crash demonstration the worker is killed meanwhile.
func (d *demo) process(ctx context.Context) error {
	args := []string{
		"run", "--input", d.input(), "--output", d.output(), "--column", "path",
		"--task-queue", d.stack.TaskQueue, "--wait",
	}
	say("run", "starter %s", strings.Join(args, " "))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		cancel(d.watchWorker(ctx))
	}()
	err := d.starter(ctx, os.Stdout, args...)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	cancel(nil)
	<-watched
	return err
}

// watchWorker ends, with the reason, when the run cannot go on for want of a
// worker.
func (d *demo) watchWorker(ctx context.Context) error {
	if d.crash {
		for _, share := range []float64{1. / 3, 2. / 3} {
			if err := d.killAt(ctx, share); err != nil {
				return err
			}
		}
	}
	select {
	case <-d.worker.Done():
		return d.worker.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// starter runs the starter on this terminal.
func (d *demo) starter(ctx context.Context, stdout io.Writer, args ...string) error {
	cmd := d.stack.Starter(ctx, args...)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	if d.crash {
		// Plain lines: what is said of the kills comes between them.
		cmd.Env = append(cmd.Env, "TERM=dumb")
	}
	// It detaches, and says so.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	if status, ok := stack.ExitStatus(err); ok && status != 0 {
		return fmt.Errorf("starter %s: exit status %d", args[0], status)
	}
	return err
}
