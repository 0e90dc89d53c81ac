package activities

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

// Process does one pass over a partition, from wherever it stands. It heartbeats
// Positions, and ends early, in order, when it is cancelled or paused, or when
// its worker shuts down. Where something hangs, it ends in any case, so that
// another attempt can take over.
func (a *Activities) Process(ctx context.Context, in ProcessInput) (ProcessResult, error) {
	left, err := heartbeatDetails(ctx)
	if err != nil {
		return ProcessResult{}, temporalError(err)
	}
	timeout := cmp.Or(activity.GetInfo(ctx).HeartbeatTimeout, DefaultHeartbeatTimeout)
	// A commit may take as long as the server may be away.
	dog := pipeline.StartWatchdog(max(cmp.Or(a.stall, pipeline.DefaultStall), 2*timeout))
	defer dog.Close()
	h := startHeart(ctx, activity.GetWorkerStopChannel(ctx), a.beaterFor(ctx), dog.Slowest, timeout, left)
	result, err := h.outcome(dog, cmp.Or(a.letGo, letGo), func() (ProcessResult, error) { return a.process(h, dog, a.reporterFor(ctx), in, left) })
	if err != nil {
		err = h.ending(err)
	}
	h.close()
	if err == nil {
		return result, nil
	}
	if temporal.IsCanceledError(err) && ctx.Err() == nil {
		// Heartbeats that go around the SDK do not tell it of the cancel, and
		// without that a CanceledError would be taken for a failure.
		activity.RecordHeartbeat(ctx, h.last)
	}
	if temporal.IsCanceledError(err) {
		// A workflow that was only interrupted goes on from there.
		err = temporal.NewCanceledError(h.last)
	}
	return ProcessResult{}, temporalError(waited(err))
}

func (a *Activities) beaterFor(ctx context.Context) Beater {
	if a.beater != nil {
		return a.beater
	}
	return newServerBeater(ctx)
}

func (a *Activities) reporterFor(ctx context.Context) *reporter {
	if a.beater != nil {
		return &reporter{begun: time.Now(), signal: func(context.Context, Report) error { return nil }}
	}
	return newReporter(ctx)
}

// DefaultHeartbeatTimeout is for an activity that was given none.
const DefaultHeartbeatTimeout = 10 * time.Second

// heartbeatDetails is what the attempt before has left, if there was one and it
// got that far. Details that do not decode are an error: an empty start would
// overwrite them.
func heartbeatDetails(ctx context.Context) (Position, error) {
	p := Position{Checkpoint: pipeline.Checkpoint{Summary: "opening the partition"}}
	if !activity.HasHeartbeatDetails(ctx) {
		return p, nil
	}
	p = Position{}
	if err := activity.GetHeartbeatDetails(ctx, &p); err != nil {
		return p, fmt.Errorf("the heartbeat details are not a position of this version of sluice (to go on from the copy beside the output, reset the activity with its heartbeat): %w", err)
	}
	return p, nil
}

func (a *Activities) process(h *heart, dog *pipeline.Watchdog, reports *reporter, in ProcessInput, left Position) (ProcessResult, error) {
	dog.Opening()
	job, published, err := a.open(h.stopping, in, left)
	if err != nil && h.stopping.Err() != nil {
		err = pipeline.ErrStopped // there is nothing to end in order yet
	}
	if err != nil || published != nil {
		return ProcessResult{Partition: job.Partition, Published: published}, err
	}
	if err := h.commit(h.work, job.position(job.From)); err != nil {
		return ProcessResult{}, err
	}
	job.Journal = journal{h, job, reports}
	job.Stop = h.stopping.Done()
	job.Watchdog = dog
	c, err := a.Engine.Process(h.work, job.Job)
	return ProcessResult{Partition: job.Partition, Position: job.position(c)}, err
}

// job is a pass over a partition, and what this run found of it.
type job struct {
	pipeline.Job
	earlier int64 // see Position
}

func (j job) position(c pipeline.Checkpoint) Position {
	return Position{c, j.earlier, j.Partition.Rows}
}

// open finds out what is to be done. If the partition is published, that is
// nothing, and the manifest's counts are returned.
func (a *Activities) open(ctx context.Context, in ProcessInput, left Position) (job, *pipeline.Counts, error) {
	out, err := a.accepted(ctx, in.Run)
	if err != nil {
		return job{}, nil, err
	}
	p, err := partition(ctx, out, in)
	if err != nil {
		return job{}, nil, err
	}
	j := job{Job: pipeline.Job{Partition: p, Spec: in.Spec, Output: out, LastPass: in.LastPass, Share: in.share(), Nonce: nonce()}}
	counts, published, err := out.Published(ctx, p)
	if err != nil {
		return j, nil, err
	}
	if published {
		return j, &counts, nil
	}
	from, err := resume(ctx, out, p, in, left)
	j.From, j.earlier = from.Checkpoint, from.Earlier
	return j, nil, err
}

// partition reads the partition from the plan.
func partition(ctx context.Context, out pipeline.Output, in ProcessInput) (pipeline.Partition, error) {
	ps, err := out.Partitions(ctx, in.Key, in.Index, 1)
	switch {
	case err != nil:
		return pipeline.Partition{}, err
	case len(ps) == 0:
		return pipeline.Partition{}, fmt.Errorf("the plan %s has no partition %d", in.Key, in.Index)
	case ps[0].Problem != "":
		return ps[0], &pipeline.FileError{File: ps[0].File, Problem: ps[0].Problem}
	}
	return ps[0], nil
}

// resume finds where to go on: at the furthest of what the attempt before has
// left, where the previous pass ended, and the copy beside the output.
func resume(ctx context.Context, out pipeline.Output, p pipeline.Partition, in ProcessInput, left Position) (Position, error) {
	var hints []pipeline.Checkpoint
	earlier := int64(-1)
	for _, hint := range []*Position{&left, in.From} {
		// Number 0 is before the first checkpoint.
		if hint != nil && hint.Seq > 0 {
			hints = append(hints, hint.Checkpoint)
			earlier = hint.Earlier
		}
	}
	c, err := out.Resume(ctx, p, hints...)
	if err != nil {
		return Position{}, err
	}
	if earlier < 0 {
		earlier = c.Counts.Rows()
	}
	c.Pass = max(c.Pass, in.Pass)
	c.Summary = cmp.Or(c.Summary, fmt.Sprintf("0 of %d rows", p.Rows))
	return Position{c, earlier, p.Rows}, nil
}

// journal commits the checkpoints of a job.
type journal struct {
	heart   *heart
	job     job
	reports *reporter
}

// Commit returns once the server has accepted c and its copy is beside the
// output. A copy that cannot be written fails the attempt, as an image that
// cannot be stored does: the store is the same, c is safe with the server, and
// going on would leave a reset workflow and the next run nothing to resume from.
func (j journal) Commit(ctx context.Context, c pipeline.Checkpoint) error {
	p := j.job.position(c)
	if err := j.heart.commit(ctx, p); err != nil {
		return err
	}
	j.reports.committed(ctx, time.Now(), ProcessResult{Partition: j.job.Partition, Position: p})
	return j.job.Output.SaveCopy(ctx, j.job.Partition, c)
}

// nonce tells this attempt's parts from those of every other attempt: 48 random
// bits, for the handful of attempts that a partition sees.
func nonce() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
