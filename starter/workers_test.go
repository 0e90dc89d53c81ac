package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/workflows/progress"
)

// queues tells when each was last asked for work.
type queues map[string]time.Time

func (q queues) DescribeTaskQueue(_ context.Context, queue string, _ enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	if q == nil {
		return nil, errors.New("no answer")
	}
	var r workflowservice.DescribeTaskQueueResponse
	if at, ok := q[queue]; ok {
		r.Pollers = []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.New(at)}}
	}
	return &r, nil
}

func TestWorkerHint(t *testing.T) {
	at := time.Now()
	recent, old := at.Add(-50*time.Second), at.Add(-4*time.Minute)
	for _, c := range []struct {
		name          string
		queues        queues
		busy, untaken int
		unheard       time.Duration
		says          string
	}{
		{"all is taken", queues{}, 0, 0, 0, ""},
		{"somebody is at it", queues{}, 1, 5, time.Minute, ""},
		{"nobody is there for the run's own step", queues{"q": old}, 0, 0, 3 * time.Second, `no worker takes work from task queue "q"`},
		{"whoever was there may be stalled", queues{"q": recent}, 0, 0, 14 * time.Second, ""},
		{"or gone", queues{"q": recent}, 0, 0, 15 * time.Second, `no worker takes work from task queue "q"`},
		{"nobody asks", queues{}, 0, 1, 0, `no worker takes work from task queue "q"`},
		{"who asked is gone", queues{"q": old, "q-process": old}, 0, 1, 0, `no worker takes work from task queue "q"`},
		{"nobody asks for rows", queues{"q": recent}, 0, 1, 0, `no worker asks for rows on task queue "q-process"`},
		{"a worker is up, and slow", queues{"q": recent, "q-process": recent}, 0, 1, 0, ""},
		{"it cannot be told", nil, 0, 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := workerHint{temporal: c.queues, namespace: "default"}
			s := progress.Snapshot{At: at, TaskQueue: "q", Busy: c.busy, Untaken: c.untaken, Unheard: c.unheard}
			got := h.look(t.Context(), s)
			if (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
				t.Errorf("%q, want %q", got, c.says)
			}
			if again := h.look(t.Context(), s); again != "" {
				t.Errorf("said again: %q", again)
			}
		})
	}
}

func TestTheWorkerHintIsSaidAgainAfterAWorkerCameAndWent(t *testing.T) {
	h := workerHint{temporal: queues{}}
	idle := progress.Snapshot{TaskQueue: "q", Untaken: 1}
	if h.look(t.Context(), idle) == "" {
		t.Error("nothing said")
	}
	h.look(t.Context(), progress.Snapshot{TaskQueue: "q", Busy: 1})
	if h.look(t.Context(), idle) == "" {
		t.Error("nothing said the second time")
	}
}
