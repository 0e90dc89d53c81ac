package workflows

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"

	"sluice/activities"
)

// Scale is the environment variable that says how many partitions TestManyPartitions
// fans out over. The 2,000 of the issue take minutes (make fanout); by default it
// is enough of them for slices.
const Scale = "SLUICE_FANOUT"

// TestManyPartitions holds the fan-out against what it promises: no history past
// 5,000 events, no window exceeded, and the window in use while partitions are
// left.
func TestManyPartitions(t *testing.T) {
	const window = 64
	partitions := 400
	if s := os.Getenv(Scale); s != "" {
		var err error
		if partitions, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, &stub{partitions: partitions, process: oneWorker()})
	began, cpu := time.Now(), cpuTime(t, w.server.PID())
	var r RunResult
	if err := w.run(stubInput(window)).Get(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if r.Partitions != partitions || r.New != int64(partitions)*stubRows {
		t.Errorf("the result is %+v", r)
	}
	t.Logf("%.1f partitions/s, %.1f ms of server CPU a partition",
		float64(partitions)/took.Seconds(), float64((cpuTime(t, w.server.PID())-cpu).Milliseconds())/float64(partitions))

	dataset := w.history(RunID(testOutput))
	histories := [][]*historypb.HistoryEvent{dataset}
	for _, id := range children(dataset, SliceWorkflow) {
		histories = append(histories, w.history(id))
	}
	longest := 0
	for _, h := range histories {
		longest = max(longest, len(h))
		for _, cause := range failedTasks(h) {
			t.Logf("a workflow task failed: %s", cause)
		}
	}
	t.Logf("%d slices, the dataset's history is of %d events, the longest is of %d", len(histories)-1, len(dataset), longest)
	if longest > 5000 {
		t.Errorf("a history of %d events", longest)
	}
	use, peak := inUse(histories, window)
	t.Logf("%.1f %% of the window in use while partitions were left, %d at most", 100*use, peak)
	// In a short run the beginning, when the window fills, counts for too much.
	if partitions >= 2000 && use < 0.9 {
		t.Errorf("%.1f %% of the window in use", 100*use)
	}
	if peak > window {
		t.Errorf("%d partitions in flight, of %d", peak, window)
	}
}

// oneWorker processes partitions of a few rows as one worker does: two at a time,
// in 50 ms each, which is a footer, three images, a part and two checkpoints. It
// takes no CPU, since what is measured is the fan-out. Partitions that take no
// time and wait for no worker keep the dev server busy with nothing but starting
// and ending them: then its CPU is the limit, and 87 to 91 % of the window is in
// use.
func oneWorker() func(context.Context, activities.ProcessInput) (activities.ProcessResult, error) {
	slots := make(chan struct{}, 2)
	return func(ctx context.Context, in activities.ProcessInput) (activities.ProcessResult, error) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return activities.ProcessResult{}, ctx.Err()
		}
		select {
		case <-time.After(50 * time.Millisecond):
			return whole(in), nil
		case <-ctx.Done():
			return activities.ProcessResult{}, ctx.Err()
		}
	}
}

// inUse reads from the histories of whoever fans out how much of the window was
// in use on average from the first start to the last, and at most. A place is in
// use from a child's start to its end, as the parent's history has them.
func inUse(histories [][]*historypb.HistoryEvent, window int) (use float64, peak int) {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	var last time.Time
	for _, h := range histories {
		for _, e := range h {
			at := e.GetEventTime().AsTime()
			switch kind := e.GetEventType().String(); {
			case kind == "ChildWorkflowExecutionStarted" && e.GetChildWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName() == PartitionWorkflow:
				changes = append(changes, change{at, 1})
				if at.After(last) {
					last = at
				}
			case strings.HasPrefix(kind, "ChildWorkflowExecution") && kind != "ChildWorkflowExecutionStarted" && childType(e) == PartitionWorkflow:
				changes = append(changes, change{at, -1})
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	var used time.Duration
	n, before := 0, changes[0].at
	for _, c := range changes {
		if !c.at.After(last) {
			used += time.Duration(n) * c.at.Sub(before)
		}
		n, before = n+c.by, c.at
		peak = max(peak, n)
	}
	return used.Seconds() / last.Sub(changes[0].at).Seconds() / float64(window), peak
}

// childType is the type of the child that an event says has closed.
func childType(e *historypb.HistoryEvent) string {
	return e.GetChildWorkflowExecutionCompletedEventAttributes().GetWorkflowType().GetName() +
		e.GetChildWorkflowExecutionFailedEventAttributes().GetWorkflowType().GetName() +
		e.GetChildWorkflowExecutionCanceledEventAttributes().GetWorkflowType().GetName() +
		e.GetChildWorkflowExecutionTimedOutEventAttributes().GetWorkflowType().GetName() +
		e.GetChildWorkflowExecutionTerminatedEventAttributes().GetWorkflowType().GetName()
}

// failedTasks says how workflow tasks failed.
func failedTasks(h []*historypb.HistoryEvent) (causes []string) {
	for _, e := range h {
		if a := e.GetWorkflowTaskFailedEventAttributes(); a != nil {
			causes = append(causes, fmt.Sprintf("%s: %s", a.GetCause(), a.GetFailure().GetMessage()))
		}
		if a := e.GetWorkflowTaskTimedOutEventAttributes(); a != nil {
			causes = append(causes, fmt.Sprintf("timed out: %s", a.GetTimeoutType()))
		}
	}
	return causes
}

// cpuTime is the user and system time of a process.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("no /proc")
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var user, system int
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is 1/100 s on Linux
}
