package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"sluice/activities"
	"sluice/pipeline"
)

// SignalSteer changes how an open run goes on. The dataset workflow takes a
// Steer, and passes a Steering on to its slices and partitions.
const SignalSteer = "steer"

// Steering is how a run goes on, as far as its partitions are concerned.
type Steering struct {
	Paused bool `json:"paused,omitempty"`
	// By and Why say who paused it, for people.
	By  string `json:"by,omitempty"`
	Why string `json:"why,omitempty"`
	// PerHost is how many connections a worker may have to one host for this run;
	// 0 is what the worker's operator allows.
	PerHost int `json:"per_host,omitempty"`
}

// Steer changes what it names.
type Steer struct {
	// ID is acknowledged in the memo (Steered) once this has taken effect in the
	// dataset workflow.
	ID       string  `json:"id"`
	Paused   *bool   `json:"paused,omitempty"`
	By       string  `json:"by,omitempty"`
	Why      string  `json:"why,omitempty"`
	InFlight *int    `json:"in_flight,omitempty"`
	PerHost  *int    `json:"per_host,omitempty"`
	Tolerate *string `json:"tolerate,omitempty"`
}

// Steered is kept in the memo of a dataset workflow once it was steered.
type Steered struct {
	Steering
	ID       string `json:"id"` // of the last Steer
	InFlight int    `json:"in_flight"`
	Tolerate string `json:"tolerate"`
}

// steered is what a partition knows of how its run goes on.
type steered struct {
	Steering
	// interrupt ends the pass that is under way, if one is.
	interrupt   workflow.CancelFunc
	interrupted bool
}

// hear takes in what comes. A pass that has begun under something else is ended
// in order, and begun again from its checkpoint when it may.
func (s *steered) hear(ctx workflow.Context, changed func(workflow.Context)) {
	signals := workflow.GetSignalChannel(ctx, SignalSteer)
	for {
		var now Steering
		signals.Receive(ctx, &now)
		if now == s.Steering {
			continue
		}
		s.Steering = now
		if s.interrupt != nil {
			s.interrupted = true
			s.interrupt()
		}
		changed(ctx)
	}
}

// hearReports shows how far the pass is that is under way.
func (s *steered) hearReports(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, activities.ReportSignal)
	for {
		var r activities.Report
		signals.Receive(ctx, &r)
		if s.interrupt != nil && !s.interrupted { // one that was left behind may be late
			workflow.SetCurrentDetails(ctx, partitionDetails(r, "at "+r.At.UTC().Format(time.TimeOnly+" UTC")+", its pending activity says more"))
		}
	}
}

// allowed waits until the run goes on.
func (s *steered) allowed(ctx workflow.Context) error {
	if !s.Paused {
		return nil // most runs never are, and their histories stay what they were
	}
	return workflow.Await(ctx, func() bool { return !s.Paused })
}

// Standing is how far a partition has come that has no activity, whose heartbeat
// would say it: one that is paused, or waits for a later pass.
type Standing struct {
	Counts   pipeline.Counts   `json:"counts"`
	Earlier  int64             `json:"earlier"` // of the rows: before this run
	Examples pipeline.Examples `json:"examples,omitempty"`
}

// stand says in the memo where a partition stands.
func stand(ctx workflow.Context, at activities.Position) {
	// It can only fail by a value that JSON does not take.
	_ = workflow.UpsertMemo(ctx, map[string]any{MemoStanding: Standing{at.Counts, at.Earlier, at.Examples}})
}

// pass does one pass, whatever interrupts it.
func (s *steered) pass(ctx workflow.Context, in PartitionInput, pass activities.ProcessInput) (done activities.ProcessResult, err error) {
	for {
		if err := s.allowed(ctx); err != nil {
			return done, err
		}
		pass.PerHost = s.PerHost
		passing, interrupt := workflow.WithCancel(ctx)
		s.interrupt, s.interrupted = interrupt, false
		err = workflow.ExecuteActivity(heavy(passing, in.HeartbeatTimeout, "pass %d over %s", pass.Pass, in.Name),
			activities.ProcessActivity, pass).Get(ctx, &done)
		s.interrupt = nil
		var ended *temporal.CanceledError
		if !s.interrupted || ctx.Err() != nil || !errors.As(err, &ended) {
			return done, err
		}
		// One that no worker had taken is ended by the server, with a word of its
		// own for details. It goes on from where it was to begin.
		var at activities.Position
		if ended.HasDetails() && ended.Details(&at) == nil && at.Seq > 0 {
			pass.From = &at
			stand(ctx, at)
		}
	}
}
