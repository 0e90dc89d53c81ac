package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/failpoint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steps are what commits something in a run. at is chosen so that it is in the
// middle of what there is.
var steps = []struct {
	name, step, pattern string
	at                  int
	bucket              bool // on the S3 server, too
	midway              bool // other rows follow: a zombie can go on meanwhile
}{
	{name: "plan page", step: failpoint.Write, pattern: "*/plan-00000.json", at: 1},
	{name: "plan", step: failpoint.Write, pattern: "*/plan.json", at: 1},
	{name: "completion of Plan", step: failpoint.Completed, pattern: "Plan", at: 1},
	{name: "image", step: failpoint.Write, pattern: "images/*", at: 400, bucket: true, midway: true},
	{name: "part", step: failpoint.Write, pattern: "*/part-*", at: 2},
	{name: "heartbeat", step: failpoint.Heartbeat, pattern: "Process", at: 4, midway: true},
	{name: "checkpoint copy", step: failpoint.Write, pattern: "*/checkpoint.json", at: 2},
	{name: "completion of Process", step: failpoint.Completed, pattern: "Process", at: 1},
	{name: "manifest", step: failpoint.Write, pattern: "manifest/*", at: 1, bucket: true},
	{name: "removal of a part", step: failpoint.Delete, pattern: "_partitions/*", at: 1},
	{name: "completion of Publish", step: failpoint.Completed, pattern: "Publish", at: 1},
	{name: "ledger", step: failpoint.Write, pattern: "_runs/ledger*", at: 1},
	{name: "summary", step: failpoint.Write, pattern: "*/summary.json", at: 1},
	{name: "_SUCCESS", step: failpoint.Write, pattern: "_SUCCESS", at: 1},
	{name: "completion of Finish", step: failpoint.Completed, pattern: "Finish", at: 1},
	{name: "workflow task", step: failpoint.WorkflowTask, pattern: "*", at: 3},
}

// scene is one case.
type scene struct {
	name, spec, action string
	bucket             bool
	// early has the zombie go on as soon as its rows are done by somebody else,
	// not only when the run is over.
	early bool
}

func scenes() (all []scene) {
	for _, s := range steps {
		for _, where := range []string{"before", "after"} {
			for _, action := range []string{"kill", "stop", "error"} {
				c := scene{
					name:   fmt.Sprintf("%s/%s/%s", s.name, where, action),
					spec:   fmt.Sprintf("%s:%s:%s=%s@%d", where, s.step, s.pattern, action, s.at),
					action: action,
				}
				all = append(all, c)
				if s.midway && action == "stop" {
					early := c
					early.name, early.early = c.name+", and woken midway", true
					all = append(all, early)
				}
				if s.bucket && action != "error" {
					c.name, c.bucket = c.name+", in a bucket", true
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// atOnce is how many cases run at a time: they wait most of the time, for
// timeouts.
const atOnce = 10

// A worker dies, freezes or fails right before or after each step that commits
// something, others take over, and all promises hold.
func TestFaultAtEveryStep(t *testing.T) {
	if os.Getenv("SLUICE_FAULTS") == "" {
		t.Skip("make faults")
	}
	r := newRig(t)
	cases := make(chan scene)
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for c := range cases {
				t.Run(c.name, func(t *testing.T) { c.play(t, r) })
			}
		})
	}
	for _, c := range scenes() {
		cases <- c
	}
	close(cases)
	running.Wait()
}

// id is a name that fits a queue, a bucket and a path.
func (c scene) id() string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.Trim(strings.ToLower(c.name), "_"))
}

func (c scene) play(t *testing.T, r *rig) {
	id := c.id()
	in, url := r.dataset(t, id), filepath.Join(t.TempDir(), "out")
	folder := url
	if c.bucket {
		url = r.s3.Bucket(t, id)
	}
	out := openOutput(t, url)
	if out.folder = folder; c.bucket {
		out.folder, out.bucket = "", id
	}

	armed := r.start(t, id, c.spec)
	ended := make(chan result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- r.call(ctx, "run", "--input", in, "--output", url, "--task-queue", id, "--size", "16x16",
			"--heartbeat-timeout", "2s", "--waits", "none", "--wait")
	}()

	await(t, "the failpoint is reached", func() bool {
		switch c.action {
		case "kill":
			return armed.dead()
		case "stop":
			return armed.frozen()
		}
		return strings.Contains(armed.said(), "failpoint:")
	})
	before, durable := r.origin.requests(id), map[string]bool{}
	if c.action != "error" {
		durable = out.durable(id)
		r.start(t, id, "")
	}
	if c.early {
		await(t, "another worker takes over", func() bool { return total(r.origin.requests(id)) > total(before) })
		armed.signal(syscall.SIGCONT)
	}
	res := <-ended
	if want := int64(files * rowsPerFile); res.exit != 0 || res.Rows != want || res.OK != want*18/20 || res.Failed != want/20 || res.Skipped != want/20 {
		t.Fatalf("the run: %+v", res)
	}
	if left := out.objects("_partitions/"); len(left) > 0 && !c.early {
		t.Errorf("left beside the output: %q", left)
	}
	if c.action == "stop" {
		named := out.named()
		armed.signal(syscall.SIGCONT)
		await(t, "the zombie goes on", func() bool { return strings.Contains(armed.said(), "goes on") })
		armed.signal(syscall.SIGTERM)
		<-armed.ended
		out.unchanged(named)
		if left := out.objects("_partitions/"); len(left) > 0 {
			t.Logf("the zombie left %q", left)
		}
	}
	if v := r.call(ctx, "verify", url, "--deep", "--task-queue", id); v.exit != 0 || v.Found != 0 {
		t.Errorf("verify: %+v", v)
	}
	if left := out.temporary(r); len(left) > 0 {
		t.Logf("temporary objects are left: %q", left)
		if c.action != "kill" {
			t.Errorf("and nobody was killed")
		}
	}
	c.weigh(t, before, r.origin.requests(id), durable)
}

func total(requests map[string]int) (n int) {
	for _, k := range requests {
		n += k
	}
	return n
}

// weigh holds the requests at the origin to what a death may cost: what had been
// asked for by then, but for what was durable.
func (c scene) weigh(t *testing.T, before, after map[string]int, durable map[string]bool) {
	t.Helper()
	again, lost := 0, 0
	for path, n := range after {
		again += n - 1
		if before[path] > 0 && !durable[path] {
			lost++
		}
		if durable[path] && n > before[path] {
			t.Errorf("%s was in a checkpoint when the worker died, and was asked for again", path)
		}
	}
	t.Logf("%d rows were done again; %d had been begun and were in no checkpoint", again, lost)
}
