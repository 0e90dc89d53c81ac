package progress

import (
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
)

// Memo decodes the memo under key into v. It returns false if there is none.
func Memo(info *workflowpb.WorkflowExecutionInfo, key string, v any) (bool, error) {
	payload, ok := info.GetMemo().GetFields()[key]
	if !ok {
		return false, nil
	}
	if err := decode(payload, v); err != nil {
		return false, fmt.Errorf("the memo %q of workflow %s is not this program's: %w", key, info.GetExecution().GetWorkflowId(), err)
	}
	return true, nil
}

func decode(p *commonpb.Payload, v any) error {
	return converter.GetDefaultDataConverter().FromPayload(p, v)
}
