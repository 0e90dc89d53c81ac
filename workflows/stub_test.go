package workflows

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/activities"
	"sluice/pipeline"
)

const (
	testOutput = "mem://out/run"
	stubRows   = 100 // of each partition
)

// stub is the activities over a plan of so many partitions without a pipeline.
type stub struct {
	partitions int
	slots      int // of the worker that processes; 0 is very many
	// process is one pass; nil is one in which every row is ok.
	process func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error)
	plan    func() error
	finish  func(ctx context.Context, in activities.FinishInput) error
	chunk   func(in activities.VerifyChunkInput) error
	guard   func(ctx context.Context, in GuardInput) (pipeline.Counts, error)

	regained func(in RegainedInput) map[string]PartitionResult

	mu        sync.Mutex
	published map[string]bool
	endings   []pipeline.Ending
}

func (s *stub) register(light, heavy, guards activities.Registry) {
	for name, f := range map[string]any{
		activities.PlanActivity:      s.Plan,
		activities.LoadNamesActivity: s.LoadNames,
		activities.PublishActivity:   s.Publish,
		activities.FinishActivity:    s.Finish,
		activities.SurveyActivity:    s.Survey,
		activities.EndVerifyActivity: s.EndVerify,
		activities.CollectActivity:   s.Collect,
		LookActivity:                 s.Look,
	} {
		light.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	guards.RegisterActivityWithOptions(s.Guard, activity.RegisterOptions{Name: GuardActivity})
	guards.RegisterActivityWithOptions(s.Regained, activity.RegisterOptions{Name: RegainedActivity})
	heavy.RegisterActivityWithOptions(s.VerifyChunk, activity.RegisterOptions{Name: activities.VerifyChunkActivity})
	heavy.RegisterActivityWithOptions(s.Process, activity.RegisterOptions{Name: activities.ProcessActivity})
}

// stubPartition is partition number i: 100 rows of a file of its own.
func stubPartition(i int) pipeline.Partition {
	return pipeline.Partition{Name: stubName(i), File: fmt.Sprintf("part-%05d.parquet", i), Version: "1", Rows: stubRows}
}

func stubName(i int) string { return fmt.Sprintf("part-%05d-0123456789ab-0of1", i) }

// stubInput is a run of the stub's plan.
func stubInput(inFlight int, waits ...time.Duration) RunInput {
	return RunInput{
		Spec: pipeline.Spec{
			Input: "mem://in", Column: "url",
			Target: pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80},
		},
		Output:           testOutput,
		RowsPerPartition: stubRows,
		InFlight:         inFlight,
		HeartbeatTimeout: 10 * time.Second,
		Waits:            waits,
	}
}

func (s *stub) Plan(context.Context, activities.PlanInput) (pipeline.PlanSummary, error) {
	if s.plan != nil {
		if err := s.plan(); err != nil {
			return pipeline.PlanSummary{}, err
		}
	}
	return pipeline.PlanSummary{Files: s.partitions, Partitions: s.partitions, Rows: int64(s.partitions) * stubRows}, nil
}

func (s *stub) LoadNames(_ context.Context, in activities.LoadNamesInput) ([]string, error) {
	names := make([]string, in.N)
	for i := range names {
		names[i] = stubName(in.First + i)
	}
	return names, nil
}

func (s *stub) Process(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
	if s.process != nil {
		return s.process(ctx, in)
	}
	return whole(in), nil
}

func (s *stub) Publish(_ context.Context, in activities.PublishInput) (pipeline.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.published == nil {
		s.published = map[string]bool{}
	}
	s.published[in.Partition.Name] = true
	return in.Checkpoint.Counts, nil
}

func (s *stub) Finish(ctx context.Context, in activities.FinishInput) (pipeline.Totals, error) {
	if s.finish != nil {
		if err := s.finish(ctx, in); err != nil {
			return pipeline.Totals{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endings = append(s.endings, in.Ending)
	n := len(s.published)
	return pipeline.Totals{Counts: pipeline.Counts{OK: int64(n) * stubRows}, Partitions: n}, nil
}

// Survey finds a chunk a partition.
func (s *stub) Survey(context.Context, activities.VerifyInput) (pipeline.Survey, error) {
	return pipeline.Survey{Report: pipeline.Report{Files: s.partitions}, Chunks: s.partitions}, nil
}

// VerifyChunk finds as many things wrong as the chunk's number says.
func (s *stub) VerifyChunk(_ context.Context, in activities.VerifyChunkInput) (pipeline.Report, error) {
	if s.chunk != nil {
		if err := s.chunk(in); err != nil {
			return pipeline.Report{}, err
		}
	}
	r := pipeline.Report{Partitions: 1, Counts: pipeline.Counts{OK: stubRows}, Found: int64(in.Chunk)}
	for i := range in.Chunk {
		r.Findings = append(r.Findings, pipeline.Finding{Where: fmt.Sprint(in.Chunk), Problem: fmt.Sprint(i)})
	}
	return r, nil
}

func (s *stub) EndVerify(context.Context, activities.EndVerifyInput) error { return nil }

// Guard has nothing to say. The test suite's clock stands while it is at it.
func (s *stub) Guard(ctx context.Context, in GuardInput) (pipeline.Counts, error) {
	if s.guard != nil {
		return s.guard(ctx, in)
	}
	return pipeline.Counts{}, nil
}

// Regained finds what the test says.
func (s *stub) Regained(_ context.Context, in RegainedInput) (map[string]PartitionResult, error) {
	if s.regained != nil {
		return s.regained(in), nil
	}
	return nil, nil
}

// Look finds whatever it is asked for to be open.
func (s *stub) Look(context.Context, string) (Look, error) {
	return Look{Open: true, Since: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)}, nil
}

func (s *stub) Collect(context.Context, activities.CollectInput) (pipeline.Collected, error) {
	return pipeline.Collected{Images: 7}, nil
}

// whole is the result of a pass after which every row is ok.
func whole(in activities.ProcessInput) activities.ProcessResult { return after(in, stubRows) }

// after is the result of a pass after which so many rows are ok, and the others
// are holes.
func after(in activities.ProcessInput, ok int64) activities.ProcessResult {
	c := pipeline.Checkpoint{Seq: int64(in.Pass), Pass: in.Pass, Next: stubRows, Counts: pipeline.Counts{OK: ok}}
	if ok < stubRows {
		c.Holes = pipeline.Runs{{First: ok, N: stubRows - ok}}
	}
	return activities.ProcessResult{Partition: stubPartition(in.Index), Position: activities.Position{Checkpoint: c}}
}

// broken is how a file that cannot be read ends its partition.
func broken(in activities.ProcessInput) error {
	return temporal.NewNonRetryableApplicationError(stubPartition(in.Index).File+": no footer", activities.FileType, nil)
}

// untilCancelled is a pass that ends when it is cancelled, and in no other way.
func untilCancelled(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		activity.RecordHeartbeat(ctx, after(in, 0).Position)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return activities.ProcessResult{}, ctx.Err()
		}
	}
}
