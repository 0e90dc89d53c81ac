package main

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"sluice/workflows"
	"sluice/workflows/progress"
)

const (
	// alive is how recently a worker that is up has asked for work: it asks anew
	// every minute. The server remembers for five minutes who asked.
	alive = 70 * time.Second
	// hopeless is how long a run's next step may go untaken by a worker that was
	// alive: longer than the server keeps it for the worker that had the last
	// one (5 s), and than a machine stalls that is busy with other things.
	hopeless = 15 * time.Second
)

// queueDescriber is what the hint needs of Temporal. client.Client has it.
type queueDescriber interface {
	DescribeTaskQueue(ctx context.Context, taskQueue string, taskQueueType enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error)
}

// workerHint says that there is no worker, once each time that this comes about.
type workerHint struct {
	temporal  queueDescriber
	namespace string
	said      bool
}

// look returns a line to say, or "".
func (h *workerHint) look(ctx context.Context, s progress.Snapshot) string {
	missed := s.Unheard >= progress.Untaken || s.Untaken > 0
	switch {
	case s.Busy > 0:
		h.said = false
		return ""
	case h.said || !missed:
		return ""
	}
	process := workflows.ProcessQueue(s.TaskQueue)
	var hint string
	switch {
	case s.Unheard >= hopeless, !h.asked(ctx, s.TaskQueue, s.At):
		hint = fmt.Sprintf("no worker takes work from task queue %q of namespace %q; start one: %s (waiting for it)", s.TaskQueue, h.namespace, workerCommand(s.TaskQueue))
	case s.Untaken > 0 && !h.asked(ctx, process, s.At):
		// A worker that is full asks for nothing, so this may be either.
		hint = fmt.Sprintf("no worker asks for rows on task queue %q: all are busy with other runs, or none is up; start another: %s (waiting for one)", process, workerCommand(s.TaskQueue))
	default:
		return ""
	}
	h.said = true
	return hint
}

// asked reports whether somebody has asked queue for activities of late: a
// worker does on both queues. If that cannot be told, nobody is accused.
func (h *workerHint) asked(ctx context.Context, queue string, now time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	q, err := h.temporal.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return true
	}
	for _, p := range q.GetPollers() {
		if now.Sub(p.GetLastAccessTime().AsTime()) < alive {
			return true
		}
	}
	return false
}

func workerCommand(taskQueue string) string {
	if taskQueue == workflows.DefaultTaskQueue {
		return "worker"
	}
	return "worker --task-queue " + shellQuote(taskQueue)
}
