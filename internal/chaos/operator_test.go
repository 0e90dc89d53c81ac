package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"sluice/activities"
	"sluice/workflows"
)

// operator does what people do to a run by the Temporal UI.
type operator struct{ w *world }

// callTimeout bounds one call to Temporal, which may be down.
const callTimeout = 5 * time.Second

// target is an activity of a partition's workflow that is open.
type target struct {
	execution *commonpb.WorkflowExecution
	activity  string // id
}

func (t target) String() string {
	return fmt.Sprintf("activity %s of %s", t.activity, t.execution.GetWorkflowId())
}

// pick is one of the Process activities of a run that are open; ok is false if
// there is none, or nobody can say.
func (o operator) pick(ctx context.Context, output string, choice int) (t target, ok bool) {
	id := workflows.RunID("s3://" + bucket + "/" + output)
	run, err := o.w.client.DescribeWorkflowExecution(ctx, id, "")
	if err != nil || run.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return t, false
	}
	children := run.GetPendingChildren()
	for i := range children {
		child := children[(i+choice)%len(children)]
		// Without its run: a workflow that was reset has another one.
		described, err := o.w.client.DescribeWorkflowExecution(ctx, child.GetWorkflowId(), "")
		if err != nil {
			return t, false
		}
		for _, a := range described.GetPendingActivities() {
			if a.GetActivityType().GetName() == activities.ProcessActivity {
				return target{described.GetWorkflowExecutionInfo().GetExecution(), a.GetActivityId()}, true
			}
		}
	}
	return t, false
}

// until repeats a call until it is answered: that it was done, or that there is
// nothing to do it to any more.
func (o operator) until(ctx context.Context, what string, call func(context.Context) error) {
	for {
		within, cancel := context.WithTimeout(ctx, callTimeout)
		err := call(within)
		cancel()
		gone, invalid := new(serviceerror.NotFound), new(serviceerror.InvalidArgument)
		if err == nil || errors.As(err, &gone) || errors.As(err, &invalid) {
			o.w.note("%s: %s", what, said(err))
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			o.w.note("%s: given up: %v", what, err)
			return
		}
	}
}

func said(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

const identity = "chaos"

func (o operator) pause(ctx context.Context, t target) {
	o.until(ctx, "pause "+t.String(), func(ctx context.Context) error {
		_, err := o.w.client.WorkflowService().PauseActivity(ctx, &workflowservice.PauseActivityRequest{
			Namespace: "default", Execution: t.execution, Identity: identity,
			Activity: &workflowservice.PauseActivityRequest_Id{Id: t.activity},
		})
		return err
	})
}

func (o operator) unpause(ctx context.Context, t target) {
	o.until(ctx, "unpause "+t.String(), func(ctx context.Context) error {
		_, err := o.w.client.WorkflowService().UnpauseActivity(ctx, &workflowservice.UnpauseActivityRequest{
			Namespace: "default", Execution: t.execution, Identity: identity,
			Activity: &workflowservice.UnpauseActivityRequest_Id{Id: t.activity},
		})
		return err
	})
}

// resetActivity begins an activity anew, with its last checkpoint or without.
func (o operator) resetActivity(ctx context.Context, t target, forget bool) {
	o.until(ctx, fmt.Sprintf("reset %s (its heartbeat too: %v)", t, forget), func(ctx context.Context) error {
		_, err := o.w.client.WorkflowService().ResetActivity(ctx, &workflowservice.ResetActivityRequest{
			Namespace: "default", Execution: t.execution, Identity: identity, ResetHeartbeat: forget,
			Activity: &workflowservice.ResetActivityRequest_Id{Id: t.activity},
		})
		return err
	})
}

// resetWorkflow takes a partition's workflow back to before its last activity.
func (o operator) resetWorkflow(ctx context.Context, t target, request string) {
	o.until(ctx, "reset "+t.execution.GetWorkflowId(), func(ctx context.Context) error {
		task, completed := int64(0), int64(0)
		history := o.w.client.GetWorkflowHistory(ctx, t.execution.GetWorkflowId(), t.execution.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			e, err := history.Next()
			if err != nil {
				return err
			}
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				completed = e.GetEventId()
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				task = completed
			default:
			}
		}
		_, err := o.w.client.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: t.execution, Reason: identity,
			WorkflowTaskFinishEventId: task, RequestId: request,
		})
		return err
	})
}

// terminate ends a run without a word to it.
func (o operator) terminate(ctx context.Context, output string) {
	o.until(ctx, "terminate "+output, func(ctx context.Context) error {
		return o.w.client.TerminateWorkflow(ctx, workflows.RunID("s3://"+bucket+"/"+output), "", identity)
	})
}
