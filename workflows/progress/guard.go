package progress

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"sluice/activities"
	"sluice/pipeline"
	"sluice/workflows"
)

// Guard implements workflows.GuardActivity: it reads how far the run has come, as
// the starter does, tells the run of it, and returns the counts once they are
// more than is tolerated.
func Guard(ctx context.Context, in workflows.GuardInput) (pipeline.Counts, error) {
	c := activity.GetClient(ctx)
	return activities.Alive(ctx, func(ctx context.Context, _ func(struct{})) (pipeline.Counts, error) {
		g := guard{in: in, reader: NewReader(c, in.WorkflowID, in.RunID)}
		if in.Report {
			g.tell = func(o workflows.Overview) error {
				return c.SignalWorkflow(ctx, in.WorkflowID, in.RunID, workflows.SignalOverview, o)
			}
		}
		return g.watch(ctx)
	})
}

// guard watches over one run.
type guard struct {
	in     workflows.GuardInput
	reader *Reader
	meter  Meter
	tell   func(workflows.Overview) error // nil if nobody listens
	told   workflows.Overview
}

func (g *guard) watch(ctx context.Context) (pipeline.Counts, error) {
	for {
		s, err := g.reader.Read(ctx)
		if err != nil {
			return pipeline.Counts{}, err
		}
		// What earlier runs did is none of this one's doing.
		if c := s.Counts.Minus(s.Earlier); g.in.Tolerate.Exceeded(c, false) || !s.Status.Open() {
			return c, nil
		}
		if err := g.report(s); err != nil {
			return pipeline.Counts{}, err
		}
		select {
		case <-time.After(g.pause(s)):
		case <-ctx.Done():
			return pipeline.Counts{}, ctx.Err()
		}
	}
}

// pause is how long the next look can wait. Where every row may fail, that is
// until there may be a report.
func (g *guard) pause(s Snapshot) time.Duration {
	every := cmp.Or(g.in.Every, workflows.GuardEvery)
	if g.in.Tolerate.Anything() {
		return max(every, s.Elapsed()/seldom)
	}
	return every
}

// seldom keeps overviews few: none comes sooner after another one than this part
// of the time that the run has taken. It makes 440 of a week, and of an hour 180.
const seldom = 50

// report tells the run of s, if it is news.
func (g *guard) report(s Snapshot) error {
	g.meter.Add(s.At, s.Counts.Rows())
	if g.tell == nil || s.At.Sub(g.told.At) < s.Elapsed()/seldom {
		return nil
	}
	o := overview(s, &g.meter)
	if news := g.told; o.Open == news.Open && o.Counts.Rows() == news.Counts.Rows() && slices.Equal(o.Troubles, news.Troubles) {
		return nil
	}
	if err := g.tell(o); err != nil {
		return err
	}
	g.told = o
	return nil
}
