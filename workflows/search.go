package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The search attributes by which runs are found in lists, all of them keywords. A
// cluster must have them registered; one that has not runs all the same.
var (
	StatusAttribute  = temporal.NewSearchAttributeKeyKeyword("SluiceStatus")
	OutputAttribute  = temporal.NewSearchAttributeKeyKeyword("SluiceOutput")
	DatasetAttribute = temporal.NewSearchAttributeKeyKeyword("SluiceDataset")
)

// Values of SluiceStatus while a run is open. Then it is how the run ended, in
// pipeline's words.
const (
	StatusPlanning = "planning"
	StatusRunning  = "running"
	StatusPaused   = "paused"
)

// SearchAttributes are those of a run that begins.
func (in RunInput) SearchAttributes() temporal.SearchAttributes {
	if !in.Indexed {
		return temporal.NewSearchAttributes()
	}
	return temporal.NewSearchAttributes(
		StatusAttribute.ValueSet(StatusPlanning), OutputAttribute.ValueSet(in.Output), DatasetAttribute.ValueSet(in.Spec.Input))
}

// index says in the list how the run stands.
func (d *dataset) index(ctx workflow.Context, status string) {
	if d.in.Indexed && d.status != status {
		d.status = status
		// It can only fail by a value that JSON does not take.
		_ = workflow.UpsertTypedSearchAttributes(ctx, StatusAttribute.ValueSet(status))
	}
}

// standing is how an open run stands.
func (d *dataset) standing() string {
	switch {
	case d.steering.Paused:
		return StatusPaused
	case d.report.Planned:
		return StatusRunning
	}
	return StatusPlanning
}
