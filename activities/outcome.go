package activities

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"sluice/pipeline"
)

// letGo is how long work has to end once it was cut off, or something in it was
// found to hang. That is longer than the pipeline takes to cut it off.
const letGo = 30 * time.Second

// outcome is what the work comes to. Work that does not end when it is to, in a
// system call that blocks, say, is left behind: heartbeats on its behalf would
// keep the partition from every other attempt. What it may still write changes
// nothing that a manifest names.
func (h *heart) outcome(dog *pipeline.Watchdog, letGo time.Duration, work func() (ProcessResult, error)) (ProcessResult, error) {
	type outcome struct {
		ProcessResult
		err      error
		panicked string
	}
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
			ended <- o
		}()
		o.ProcessResult, o.err = work()
	}()
	var limit <-chan time.Time
	var why error
	stalled, over := dog.Stalled(), h.work.Done()
	for {
		select {
		case o := <-ended:
			if o.panicked != "" {
				panic(o.panicked) // as if it had been here
			}
			return o.ProcessResult, o.err
		case <-stalled:
			why, stalled = dog.Err(), nil
		case <-over:
			why, over = context.Cause(h.work), nil
		case <-limit:
			return ProcessResult{}, why
		}
		if limit == nil {
			limit = time.After(letGo)
		}
	}
}
