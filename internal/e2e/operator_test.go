package e2e

import (
	"context"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/activities"
	"sluice/workflows"
)

// operator does to a run what people do in the Temporal UI.
type operator struct {
	t *testing.T
	client.Client
}

func (r *rig) operator() operator { return operator{r.t, r.server.Dial()} }

// runID and partitionID are workflows' ids.
func runID(out string) string { return workflows.RunID("file://" + out) }

func partitionID(out, partition string) string {
	return workflows.PartitionID(runID(out), partition)
}

// pending is the activity that processes a partition, nil if there is none.
func (o operator) pending(id string) *workflowpb.PendingActivityInfo {
	d, err := o.DescribeWorkflowExecution(context.WithoutCancel(o.t.Context()), id, "")
	if err != nil {
		return nil
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetActivityType().GetName() == activities.ProcessActivity {
			return a
		}
	}
	return nil
}

// resetActivity resets the activity that processes a partition.
func (o operator) resetActivity(id string) {
	o.t.Helper()
	_, err := o.WorkflowService().ResetActivity(o.t.Context(), &workflowservice.ResetActivityRequest{
		Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: id}, Identity: "a test",
		Activity: &workflowservice.ResetActivityRequest_Type{Type: activities.ProcessActivity},
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// tasks are the numbers of the events that end a workflow's tasks: where it can
// be reset to.
func (o operator) tasks(id string) (events []int64) {
	o.t.Helper()
	it := o.GetWorkflowHistory(o.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		var e *historypb.HistoryEvent
		e, err := it.Next()
		if err != nil {
			o.t.Fatal(err)
		}
		if e.GetWorkflowTaskCompletedEventAttributes() != nil {
			events = append(events, e.GetEventId())
		}
	}
	return events
}

// resetWorkflow resets a workflow to the end of one of its tasks.
func (o operator) resetWorkflow(id string, event int64) {
	o.t.Helper()
	_, err := o.ResetWorkflowExecution(o.t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		Reason: "a test", WorkflowTaskFinishEventId: event, RequestId: o.t.Name(),
	})
	if err != nil {
		o.t.Fatal(err)
	}
}
