package workflows

import "go.temporal.io/sdk/workflow"

// Registry takes workflows; a worker.Worker is one.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers the workflows.
func Register(r Registry) {
	register(r, DatasetWorkflow, Dataset)
	register(r, SliceWorkflow, Slice)
	register(r, PartitionWorkflow, Partition)
	register(r, VerifyWorkflow, Verify)
	register(r, CollectWorkflow, Collect)
	register(r, NightWorkflow, Night)
}

func register(r Registry, name string, f any) {
	r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
}
