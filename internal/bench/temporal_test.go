package bench

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"
)

// manyRows is what the run as a whole is measured on: long enough that starting
// and ending it hardly counts.
const manyRows = 10_000

// BenchmarkTemporal compares the library with the whole run through Temporal:
// the same rows, planned, fanned out, heartbeating and published by a dev
// server, a worker and the starter.
func BenchmarkTemporal(b *testing.B) { throughTemporal(b, 0) }

// BenchmarkTemporal200ms is the same with a server that takes its time.
func BenchmarkTemporal200ms(b *testing.B) { throughTemporal(b, 200*time.Millisecond) }

// BenchmarkDelay compares a run from a server that answers at once with one from a
// server that takes its time, both with no setting: nine tenths of the throughput
// are promised.
func BenchmarkDelay(b *testing.B) {
	rows := rowsOf(manyRows)
	var contenders []contender
	for _, latency := range []time.Duration{0, 200 * time.Millisecond} {
		t := serve(b, latency, names(allPhotos(b)), rows).startTemporal(b, memory)
		contenders = append(contenders, contender{name: latency.String(), run: func(b *testing.B) { t.run(b, rows) }, cpu: t.cpu})
	}
	all := duel(b, rows, contenders...)
	if wall, _ := all.times(contenders[1].name, contenders[0].name); few() == 0 && wall < 0.9 {
		b.Errorf("a delay of 200 ms leaves %.2f of the throughput", wall)
	}
}

// BenchmarkIsolation compares a run whose images are decoded by the worker with
// one by its child processes, by the CPU time of the workers and theirs: 8 % more
// of that are promised, and no less throughput, which is measured to a few
// hundredths.
func BenchmarkIsolation(b *testing.B) {
	rows := rowsOf(3000)
	var contenders []contender
	for _, isolation := range []string{"none", "process"} {
		t := serve(b, 0, names(allPhotos(b)), rows).startTemporal(b, memory, "--isolation", isolation)
		contenders = append(contenders, contender{
			name: isolation, run: func(b *testing.B) { t.run(b, rows) },
			cpu: func(b *testing.B) time.Duration { return cpuOf(b, t.worker) },
		})
	}
	all := duel(b, rows, contenders...)
	if wall, cpu := all.times("process", "none"); few() == 0 && (cpu < 1/1.08 || wall < 0.97) {
		b.Errorf("isolation leaves %.3f of the images a second and %.3f of the images a CPU second", wall, cpu)
	}
}

func throughTemporal(b *testing.B, latency time.Duration) {
	l := newLibrary(b)
	rows := rowsOf(manyRows)
	data := serve(b, latency, names(allPhotos(b)), rows)
	t := data.startTemporal(b, memory)
	duel(b, rows,
		contender{name: "library", run: func(b *testing.B) { l.run(b, data.input, outputDir(b), rows) }},
		contender{name: "temporal", run: func(b *testing.B) { t.run(b, rows) }, cpu: t.cpu},
	)
}

// throughout is a Temporal with a worker on a dataset that is served.
type throughout struct {
	served
	worker  int // process id
	starter time.Duration
}

func (s served) startTemporal(b *testing.B, memory int64, more ...string) *throughout {
	b.Helper()
	// One of our own, whatever this shell uses.
	b.Setenv("TEMPORAL_ADDRESS", "")
	if err := s.stack.Temporal(b.Context()); err != nil {
		b.Fatal(err)
	}
	worker, err := s.stack.Worker(append([]string{"--memory", strconv.FormatInt(memory>>20, 10) + "MiB", "--partitions", strconv.Itoa(partitions)}, more...)...)
	if err != nil {
		b.Fatal(err)
	}
	return &throughout{served: s, worker: worker.PID()}
}

// run runs the dataset to a new output. Every row must be ok.
func (t *throughout) run(b *testing.B, rows int) {
	b.Helper()
	if ok := t.finish(b, outputDir(b)); ok != rows {
		b.Fatalf("%d of %d rows are ok", ok, rows)
	}
}

// finish runs the dataset to out, and returns how many rows are ok.
func (t *throughout) finish(b *testing.B, out string) int {
	b.Helper()
	cmd := t.stack.Starter(b.Context(), "run", "--input", t.input, "--output", out, "--task-queue", t.stack.TaskQueue, "--wait", "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil {
		b.Fatalf("starter run: %v\n%s%s", err, stderr.Bytes(), said)
	}
	t.starter += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var result struct{ OK int }
	if err := json.Unmarshal(said, &result); err != nil {
		b.Fatal(err)
	}
	return result.OK
}

// cpu is the CPU time of all that was started for the run, but for the origin,
// and of the starter.
func (t *throughout) cpu(b *testing.B) time.Duration {
	sum := t.starter
	for _, p := range t.stack.Running() {
		if p.Name != "origin" {
			sum += cpuOf(b, p.PID())
		}
	}
	return sum
}
