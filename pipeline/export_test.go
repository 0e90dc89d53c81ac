package pipeline

import "time"

// CheckpointEvery has a job take its checkpoints more often, so that a test need
// not wait for them.
func (j *Job) CheckpointEvery(d time.Duration) { j.every = d }

// NameAtOnce has Collect go over an output in shares of so many keys until the
// test has ended.
func NameAtOnce(n int64, cleanup func(func())) {
	was := namedAtOnce
	namedAtOnce = n
	cleanup(func() { namedAtOnce = was })
}
