package main

import (
	"context"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/pipeline"
	"sluice/workflows/progress"
)

const (
	// Reading starts quickly, for runs that end at once, and settles at
	// usualPause, or at whatever keeps it under a tenth of the time.
	firstPause  = 100 * time.Millisecond
	usualPause  = 500 * time.Millisecond
	costDivisor = 10
	// callTimeout bounds one call. The client tries again until then, so it is
	// also how soon we hear that Temporal is gone.
	callTimeout = 5 * time.Second
)

// follower reads a workflow again and again, shows how it is doing, and says
// what is in its way.
type follower struct {
	*cli
	temporal client.Client
	target   target
	doing    string // until there is a plan
	onward   string // what to do when the waiting ends before the workflow
	reader   *progress.Reader
	meter    progress.Meter
	display  display
	workers  workerHint
	away     time.Time // since when Temporal does not answer; zero if it does
	told     bool      // that it does not
}

// follow prepares to follow run runID of t, or its newest one if that is "".
// The caller closes the follower's display.
func (c *cli) follow(temporal client.Client, t target, runID string) *follower {
	return &follower{
		cli:      c,
		temporal: temporal,
		target:   t,
		doing:    "planning",
		onward:   "the run goes on: see it with " + t.command("watch") + ", end it with " + t.command("cancel"),
		reader:   progress.NewReader(timely{temporal}, t.id, runID),
		display:  newDisplay(c.stderr, c.env),
		workers:  workerHint{temporal: temporal, namespace: c.namespace},
	}
}

// until returns the first snapshot in which the run has closed, or of which done
// holds.
func (f *follower) until(ctx context.Context, done func(progress.Snapshot) bool) (progress.Snapshot, error) {
	for pause := firstPause; ; pause = min(pause*3/2, usualPause) {
		s, took, err := f.read(ctx)
		if err != nil {
			return s, err
		}
		f.meter.Add(s.At, s.Counts.Rows())
		if s.Status.Open() || s.Status == progress.Succeeded {
			f.display.show(view{s, f.doing, f.meter.Rate(), f.meter.Left(s.Rows - s.Counts.Rows())})
		}
		if !s.Status.Open() || done(s) {
			return s, nil
		}
		if hint := f.workers.look(ctx, s); hint != "" {
			f.display.note(hint)
		}
		if !sleep(ctx, max(pause, (costDivisor-1)*took)) {
			return s, f.detached()
		}
	}
}

// read takes one snapshot, and says how long that took.
func (f *follower) read(ctx context.Context) (s progress.Snapshot, took time.Duration, err error) {
	err = f.answered(ctx, func(ctx context.Context) (err error) {
		begin := time.Now()
		s, err = f.reader.Read(ctx)
		took = time.Since(begin)
		return err
	})
	return s, took, err
}

func closed(progress.Snapshot) bool { return false } // until needs no other reason

// timely bounds each call of a reading by callTimeout.
type timely struct{ progress.Describer }

func (t timely) DescribeWorkflowExecution(ctx context.Context, id, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return t.Describer.DescribeWorkflowExecution(ctx, id, runID)
}

// answered makes calls to Temporal, and again until that answers or patience
// ends. What Temporal answers is returned, errors in our terms.
func (f *follower) answered(ctx context.Context, call func(context.Context) error) error {
	for {
		err := call(ctx)
		switch {
		case ctx.Err() != nil:
			return f.detached()
		case err == nil || !away(err):
			f.away, f.told = time.Time{}, false
			if notFound(err) {
				return noRun(f.cli, f.target)
			}
			return f.explain(err)
		case f.away.IsZero(): // once is nothing: a server may be very busy
			f.away = time.Now()
		case !f.told:
			f.told = true
			f.display.note("Temporal at " + f.address + " does not answer (" + cause(err) + "); asking again for " + span(f.patience))
		case time.Since(f.away) >= f.patience:
			return unknownf("Temporal at %s went away, so the outcome is unknown; once it is back, %s", f.address, f.onward)
		}
		if !sleep(ctx, usualPause) {
			return f.detached()
		}
	}
}

func (f *follower) detached() error {
	return unknownf("detached; %s", f.onward)
}

// noRun says that Temporal knows no run of t. It forgets closed ones after the
// namespace's retention time.
func noRun(c *cli, t target) error {
	return pipeline.Usagef("Temporal at %s knows no run of %s in namespace %q; starter list shows those that it knows", c.address, t.output, c.namespace)
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
