// Package activities is the pipeline as Temporal activities: planning a run,
// processing a partition, publishing it, finishing the run, verifying an
// output. What Temporal has to be told is told here: heartbeats (heart.go) and
// the kinds of errors (errors.go). The work itself is package pipeline's.
package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"sluice/pipeline"
)

// The registered names. They stand in histories: they do not follow a renaming
// of the Go methods.
const (
	PlanActivity        = "Plan"
	LoadNamesActivity   = "LoadNames"
	ProcessActivity     = "Process"
	PublishActivity     = "Publish"
	FinishActivity      = "Finish"
	SurveyActivity      = "Survey"
	VerifyChunkActivity = "VerifyChunk"
	EndVerifyActivity   = "EndVerify"
	CollectActivity     = "Collect"
)

// Activities are the activities of one worker process.
type Activities struct {
	// Open opens a dataset and an output by their URLs; no dataset is the one that
	// the output was made from. It decides which of them this worker may touch. An
	// output's folder is made only if that is asked for: in the place of one that
	// is not mounted, images would be lost. What it opens is kept by whoever made
	// it: the activities close nothing.
	Open func(ctx context.Context, input, output string, making bool) (pipeline.Output, error)
	// Engine is what all partitions of the process share.
	Engine Engine

	// A test's; else they are pipeline.DefaultStall and letGo.
	stall, letGo time.Duration
	// A test's; else the server is asked.
	beater Beater
	isOpen func(workflowID string) bool
}

// Engine is what Process and VerifyChunk need of a *pipeline.Engine.
type Engine interface {
	Process(ctx context.Context, job pipeline.Job) (pipeline.Checkpoint, error)
	pipeline.Looker
}

// Registry takes activities; a worker.Worker is one.
type Registry interface {
	RegisterActivityWithOptions(activity any, options activity.RegisterOptions)
}

// RegisterLight registers what is done in passing, beside the workflows.
func (a *Activities) RegisterLight(r Registry) {
	register(r, PlanActivity, a.Plan)
	register(r, LoadNamesActivity, a.LoadNames)
	register(r, PublishActivity, a.Publish)
	register(r, FinishActivity, a.Finish)
	register(r, SurveyActivity, a.Survey)
	register(r, VerifyChunkActivity, a.VerifyChunk)
	register(r, EndVerifyActivity, a.EndVerify)
	register(r, CollectActivity, a.Collect)
}

// RegisterHeavy registers what takes a worker's memory and CPUs, and has a task
// queue of its own.
func (a *Activities) RegisterHeavy(r Registry) {
	register(r, ProcessActivity, a.Process)
	register(r, VerifyChunkActivity, a.VerifyChunk)
}

func register(r Registry, name string, f any) {
	r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
}
