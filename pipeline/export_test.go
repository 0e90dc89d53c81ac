package pipeline

import "time"

// CheckpointEvery has a job take its checkpoints more often, so that a test need
// not wait for them.
func (j *Job) CheckpointEvery(d time.Duration) { j.every = d }
