package progress

import (
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"sluice/activities"
	"sluice/workflows"
)

// partition adds an open partition, and returns how far it has come.
func (s *Snapshot) partition(w *workflowservice.DescribeWorkflowExecutionResponse) activities.Position {
	id := w.GetWorkflowExecutionInfo().GetExecution().GetWorkflowId()
	s.tasks(w, id[strings.LastIndexByte(id, '/')+1:])
	state := &s.Partitions.Waiting
	var last activities.Position
	for _, a := range w.GetPendingActivities() {
		switch {
		case a.GetPaused():
			state = &s.Partitions.Paused
		case atWorker(a):
			state = &s.Partitions.Running
		case a.GetAttempt() > 1 && !benign(a.GetLastFailure()):
			state = &s.Partitions.Retrying
		default:
			state = &s.Partitions.Queued
		}
		p, ok := position(a)
		if ok {
			last = p
		}
		if a.GetActivityType().GetName() == activities.ProcessActivity && atWorker(a) {
			s.AtWork = append(s.AtWork, AtWork{
				Partition: id[strings.LastIndexByte(id, '/')+1:],
				Pass:      max(1, p.Pass),
				Rows:      p.Counts.Rows(),
				Of:        p.Of,
				Seconds:   max(0, s.At.Sub(a.GetLastStartedTime().AsTime()).Round(time.Second).Seconds()),
				Worker:    a.GetLastWorkerIdentity(),
				done:      p.Counts.Rows() - p.Earlier,
			})
		}
	}
	var stands workflows.Standing
	if ok, err := Memo(w.GetWorkflowExecutionInfo(), workflows.MemoStanding, &stands); ok && err == nil && stands.Counts.Rows() > last.Counts.Rows() {
		last.Counts, last.Earlier, last.Examples = stands.Counts, stands.Earlier, stands.Examples
	}
	s.Examples = s.Examples.Plus(last.Examples)
	if StatusOf(w.GetWorkflowExecutionInfo().GetStatus()).Open() {
		*state++
	}
	return last
}

// tasks adds what w waits for: of partition "", the run itself.
func (s *Snapshot) tasks(w *workflowservice.DescribeWorkflowExecutionResponse, partition string) {
	if t := w.GetPendingWorkflowTask(); partition == "" && t.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED {
		s.Unheard = max(s.Unheard, s.At.Sub(t.GetScheduledTime().AsTime()))
	}
	for _, a := range w.GetPendingActivities() {
		switch {
		case a.GetActivityType().GetName() == workflows.GuardActivity: // takes no place that others wait for
		case atWorker(a):
			s.Busy++
		case a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && s.At.Sub(a.GetScheduledTime().AsTime()) >= Untaken:
			s.Untaken++
		}
		if details := a.GetHeartbeatDetails().GetPayloads(); partition == "" && len(details) > 0 && !s.Planned {
			var step Step
			_ = decode(details[0], &step) // for the eye only
			s.Step.add(step)
		}
		if t, ok := trouble(a); ok {
			t.Partition = partition
			s.Troubles = append(s.Troubles, t)
		}
	}
}

func atWorker(a *workflowpb.PendingActivityInfo) bool {
	switch a.GetState() {
	case enumspb.PENDING_ACTIVITY_STATE_STARTED, enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED, enumspb.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED:
		return true
	}
	return false
}

// position is a's heartbeat, if it is one of Process.
func position(a *workflowpb.PendingActivityInfo) (p activities.Position, ok bool) {
	details := a.GetHeartbeatDetails().GetPayloads()
	return p, a.GetActivityType().GetName() == activities.ProcessActivity && len(details) > 0 && decode(details[0], &p) == nil
}

// trouble says what holds a up: an operator, or the failure of its last attempt
// for as long as the next one has not shown by a checkpoint that it got past it.
func trouble(a *workflowpb.PendingActivityInfo) (Trouble, bool) {
	last, _ := position(a)
	t := Trouble{Activity: a.GetActivityType().GetName(), Attempt: a.GetAttempt(), Pass: last.Pass}
	if a.GetPaused() {
		t.Paused = true
		t.Message = pausedBy(a.GetPauseInfo())
		return t, true
	}
	f := a.GetLastFailure()
	gotPast := atWorker(a) && last.At.After(a.GetLastStartedTime().AsTime())
	if a.GetActivityType().GetName() == workflows.GuardActivity {
		gotPast = atWorker(a) // it has no checkpoints, and is at it as long as the run is
	}
	if f == nil || benign(f) || gotPast {
		return t, false
	}
	t.Message = message(f)
	return t, true
}

func pausedBy(p *workflowpb.PendingActivityInfo_PauseInfo) string {
	by := "paused"
	if p.GetManual().GetIdentity() != "" {
		by += " by " + p.GetManual().GetIdentity()
	}
	if p.GetManual().GetReason() != "" {
		by += ": " + p.GetManual().GetReason()
	}
	return by
}

// benign is a failure that is none: a worker that hands over when it stops.
func benign(f *failurepb.Failure) bool {
	return f.GetApplicationFailureInfo().GetCategory() == enumspb.APPLICATION_ERROR_CATEGORY_BENIGN
}

func message(f *failurepb.Failure) string {
	if f.GetTimeoutFailureInfo().GetTimeoutType() == enumspb.TIMEOUT_TYPE_HEARTBEAT {
		return "its worker fell silent; another one takes over"
	}
	for f.GetMessage() == "" && f.GetCause() != nil {
		f = f.GetCause()
	}
	return f.GetMessage()
}
