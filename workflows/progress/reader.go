package progress

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"sluice/workflows"
)

// Describer is the one call that reading takes. client.Client has it.
type Describer interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

const (
	// concurrency of the calls. A call takes 1 to 3 ms, so a window of 500
	// partitions is read in some 150 ms without crowding out the run's own calls.
	concurrency = 8
	// Untaken is how long a task may wait before somebody wonders where the
	// workers are. One that is up and free takes it at once.
	Untaken = 3 * time.Second
)

// Reader reads one run, again and again. What it says never goes backwards while
// the run is open. It is not safe for concurrent use.
type Reader struct {
	temporal  Describer
	id, runID string
	now       func() time.Time

	ledgers map[string]*ledger // of the dataset workflow and its slices, by workflow id
	shown   Snapshot
}

// NewReader reads run runID of a workflow, or its newest one if that is "". From
// a run that was reset or continued as new it goes on to the next one.
func NewReader(temporal Describer, id, runID string) *Reader {
	return &Reader{temporal: temporal, id: id, runID: runID, now: time.Now, ledgers: map[string]*ledger{}}
}

// Read takes a snapshot.
func (r *Reader) Read(ctx context.Context) (Snapshot, error) {
	run, err := r.describe(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	var memo workflows.Progress
	if _, err := Memo(run.GetWorkflowExecutionInfo(), workflows.MemoProgress, &memo); err != nil {
		return Snapshot{}, err
	}
	s := r.header(run)
	if _, err := Memo(run.GetWorkflowExecutionInfo(), workflows.MemoVerified, &s.Step); err != nil {
		return Snapshot{}, err
	}
	if _, err := Memo(run.GetWorkflowExecutionInfo(), workflows.MemoSteered, &s.Steered); err != nil {
		return Snapshot{}, err
	}
	if s.Status == Running && s.Steered.Paused {
		s.Status = Paused
	}
	s.Planned = memo.Planned
	s.Rows = memo.Rows
	s.Earlier = memo.Done
	s.Partitions.All = memo.Partitions
	s.Partitions.Done = memo.Earlier
	s.add(memo)
	if !s.Status.Open() {
		s.Counts = memo.Done.Plus(memo.Counts)
		s.New = memo.Counts.Rows()
		return s, nil
	}
	s.tasks(run, "")
	done, err := r.children(ctx, &s, r.id, memo, run.GetPendingChildren())
	if err != nil {
		return Snapshot{}, err
	}
	if s.Steered.Paused { // that is what they wait for
		s.Partitions.Paused += s.Partitions.Waiting
		s.Partitions.Waiting = 0
	}
	slices.SortStableFunc(s.AtWork, func(a, b AtWork) int { return cmp.Compare(b.left(), a.left()) })
	s.Counts = atLeast(memo.Done.Plus(done.counts), r.shown.Counts)
	s.New = max(done.counts.Rows()-done.earlier, r.shown.New)
	s.Partitions.Done = max(s.Partitions.Done, r.shown.Partitions.Done)
	s.Partitions.Failed = max(s.Partitions.Failed, r.shown.Partitions.Failed)
	r.shown = s
	return s, nil
}

// describe finds the run that is current, and stays with it.
func (r *Reader) describe(ctx context.Context) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	for {
		run, err := r.temporal.DescribeWorkflowExecution(ctx, r.id, r.runID)
		if err != nil {
			return nil, err
		}
		info := run.GetWorkflowExecutionInfo()
		r.runID = info.GetExecution().GetRunId()
		switch next := run.GetWorkflowExtendedInfo().GetResetRunId(); {
		case next != "" && next != r.runID:
			r.runID = next
		case info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
			r.runID = ""
		default:
			return run, nil
		}
	}
}

func (r *Reader) header(run *workflowservice.DescribeWorkflowExecutionResponse) Snapshot {
	info := run.GetWorkflowExecutionInfo()
	s := Snapshot{
		WorkflowID: r.id,
		RunID:      r.runID,
		TaskQueue:  run.GetExecutionConfig().GetTaskQueue().GetName(),
		Status:     StatusOf(info.GetStatus()),
		At:         r.now(),
		Started:    info.GetStartTime().AsTime(),
	}
	s.Cancelling = s.Status.Open() && run.GetWorkflowExtendedInfo().GetCancelRequested()
	if t := info.GetCloseTime(); t != nil {
		s.Closed = t.AsTime()
	}
	var in workflows.RunInput
	if ok, err := Memo(info, workflows.MemoRun, &in); ok && err == nil {
		s.Run = &in
	}
	return s
}

// children adds the slices and partitions that are open under the workflow of
// memo, and returns what has been done there.
func (r *Reader) children(ctx context.Context, s *Snapshot, id string, memo workflows.Progress, children []*workflowpb.PendingChildExecutionInfo) (share, error) {
	described, err := r.describeAll(ctx, children)
	if err != nil {
		return share{}, err
	}
	l := r.ledger(id)
	open := make(map[string]share, len(children))
	for i, child := range children {
		id := child.GetWorkflowId()
		done := l.open[id]
		switch w := described[i]; {
		case w == nil: // what was said last still holds
		case child.GetWorkflowTypeName() == workflows.SliceWorkflow:
			if done, err = r.slice(ctx, s, w); err != nil {
				return share{}, err
			}
		case child.GetWorkflowTypeName() == workflows.PartitionWorkflow:
			// Between two passes, and while the manifest is published, there is
			// no heartbeat.
			if p := s.partition(w); p.Counts.Rows() >= done.counts.Rows() {
				done = share{counts: p.Counts, earlier: p.Earlier}
			}
		}
		open[id] = done
	}
	return l.update(memo, open), nil
}

// slice is the same for a slice.
func (r *Reader) slice(ctx context.Context, s *Snapshot, w *workflowservice.DescribeWorkflowExecutionResponse) (share, error) {
	var memo workflows.Progress
	if _, err := Memo(w.GetWorkflowExecutionInfo(), workflows.MemoProgress, &memo); err != nil {
		return share{}, err
	}
	s.add(memo)
	s.tasks(w, "")
	return r.children(ctx, s, w.GetWorkflowExecutionInfo().GetExecution().GetWorkflowId(), memo, w.GetPendingChildren())
}

func (r *Reader) ledger(id string) *ledger {
	l, ok := r.ledgers[id]
	if !ok {
		l = &ledger{}
		r.ledgers[id] = l
	}
	return l
}

// describeAll describes children; what has gone in the meantime, or has not come
// yet, is nil.
func (r *Reader) describeAll(ctx context.Context, children []*workflowpb.PendingChildExecutionInfo) ([]*workflowservice.DescribeWorkflowExecutionResponse, error) {
	described := make([]*workflowservice.DescribeWorkflowExecutionResponse, len(children))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(concurrency)
	for i, c := range children {
		if c.GetRunId() == "" {
			continue
		}
		calls.Go(func() error {
			d, err := r.temporal.DescribeWorkflowExecution(ctx, c.GetWorkflowId(), c.GetRunId())
			if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
				return nil
			}
			described[i] = d
			return err
		})
	}
	return described, calls.Wait()
}

// add adds the partitions that the workflow of p, the dataset's or a slice's,
// knows to have ended.
func (s *Snapshot) add(p workflows.Progress) {
	s.Partitions.Done += p.Published
	s.Partitions.Failed += p.Failed
	s.Failures = append(s.Failures, p.Failures...)
	s.Examples = s.Examples.Plus(p.Examples)
}
