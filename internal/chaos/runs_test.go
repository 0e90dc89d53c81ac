package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// reason is why a run may end without having succeeded.
type reason string

const (
	reasonCancel    reason = "cancelled"
	reasonTerminate reason = "terminated"
	reasonReset     reason = "an operator terminated it" // a partition whose workflow was reset
)

// output is one output with its dataset.
type output struct {
	name    string
	dataset *dataset
}

// runs starts runs, one after the other: it goes on with one that has not
// succeeded, and gives the next one something to do after one that has.
type runs struct {
	*world
	reader *reader
	random *rand.Rand

	mu       sync.Mutex
	outputs  []*output
	cut      int                  // of the next run, an index into cuts
	reasons  map[reason]time.Time // when each was last given
	replaced map[string]bool      // files that were replaced under a run
	recut    int                  // rows that another cut has made undone
	final    bool                 // no more changes

	ended, succeeded int
	rows             int64 // that succeeded runs have done
}

func newRuns(w *world, r *reader, seed uint64) *runs {
	s := &runs{world: w, reader: r, random: rand.New(rand.NewPCG(seed, 1)), reasons: map[reason]time.Time{}, replaced: map[string]bool{}}
	s.fresh()
	return s
}

// fresh begins an output, over a dataset of its own.
func (s *runs) fresh() {
	n := len(s.outputs)
	o := &output{name: fmt.Sprint("photos-", n), dataset: newDataset(s.t, filepath.Join(s.folder, fmt.Sprint("in-", n)), s.origin.URL)}
	for _, file := range []string{"a.parquet", "b.parquet", "notes.parquet"} {
		s.put(o, file)
	}
	s.outputs = append(s.outputs, o)
	s.reader.watch(o)
}

func (s *runs) put(o *output, file string) {
	v, err := o.dataset.put(file)
	if err != nil {
		s.accuse("writing the dataset: %v", err)
		return
	}
	s.note("    %s is now %s", filepath.Join(o.dataset.folder, file), v.id)
}

// now is the output that is at work.
func (s *runs) now() *output {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outputs[len(s.outputs)-1]
}

func (s *runs) output() string { return s.now().name }

// expect says why runs may end from now on.
func (s *runs) expect(r reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reasons[r] = time.Now()
}

// run runs until a run that began after stop was closed has succeeded.
func (s *runs) run(ctx context.Context, stop <-chan struct{}) {
	for ctx.Err() == nil {
		last := false
		select {
		case <-stop:
			last = true
		default:
		}
		if ok := s.once(ctx); ok && last {
			return
		}
		select {
		case <-s.found:
			return
		default:
		}
	}
}

// once calls `starter run` once, and reports whether the run succeeded.
func (s *runs) once(ctx context.Context) bool { return s.onceOn(ctx, s.now()) }

func (s *runs) onceOn(ctx context.Context, o *output) bool {
	s.mu.Lock()
	cut := cuts[s.cut]
	s.mu.Unlock()
	begun, versions := time.Now(), o.dataset.versions()
	res := s.starter(ctx, "run", "--input", o.dataset.folder, "--output", url(o.name), "--wait",
		"--heartbeat-timeout", heartbeatTimeout.String(), "--waits", "1s,1s", "--size", "64x64",
		"--rows-per-partition", fmt.Sprint(cut), "--in-flight", "8")
	if ctx.Err() != nil {
		return false
	}
	s.note("    run of %s, %d rows a partition, ended after %.1fs: %s (%d rows, %d new)", o.name, cut, time.Since(begun).Seconds(), res.why(), res.Rows, res.New)
	s.mu.Lock()
	s.ended++
	s.mu.Unlock()
	switch res.exit {
	case 0:
		s.mu.Lock()
		s.succeeded++
		s.rows += res.New
		s.mu.Unlock()
		s.weigh(o, res, versions)
		s.reader.settle(ctx)
		s.change(o)
		return true
	case exitFailed:
		s.judge(o, res, begun)
	case exitUnknown: // Temporal was away
	default:
		s.accuse("starter run: %s\n%s", res.why(), res.stderr)
	}
	return false
}

// weigh holds the counts of a run that succeeded against what the origin does,
// unless the dataset has changed under it.
func (s *runs) weigh(o *output, res result, versions int) {
	rows, ok, failed, skipped := o.dataset.expected()
	if o.dataset.versions() != versions {
		return
	}
	if res.Rows != rows || res.OK != ok || res.Failed != failed || res.Skipped != skipped {
		s.accuse("a run succeeded with %d rows, %d ok, %d failed %v, %d skipped; the dataset makes %d, %d, %d, %d",
			res.Rows, res.OK, res.Failed, res.Errors, res.Skipped, rows, ok, failed, skipped)
	}
}

// explained is how long after it was given a reason may still end a run.
const explained = 2 * time.Minute

// judge looks whether a run had a reason not to succeed.
func (s *runs) judge(o *output, res result, begun time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := func(r reason) bool { return s.reasons[r].After(begun.Add(-explained)) }
	if res.Status == string(reasonCancel) || res.Status == string(reasonTerminate) {
		if !given(reason(res.Status)) {
			s.accuse("a run was %s, and nobody had asked for it", res.Status)
		}
		return
	}
	if len(res.Failures) == 0 {
		s.accuse("a run failed: %s", res.why())
	}
	for _, f := range res.Failures {
		file, _, _ := strings.Cut(f, ":")
		switch {
		case strings.Contains(f, string(reasonReset)) && given(reasonReset):
		case s.replaced[filepath.Join(o.name, file)]:
		default:
			s.accuse("a partition failed: %s", f)
		}
	}
}

// mostFiles bounds a dataset, and mostOutputs the disk.
const (
	mostFiles   = 6
	mostOutputs = 8
)

// change gives the next run something to do.
func (s *runs) change(o *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final {
		return
	}
	n := len(o.dataset.current())
	switch p := s.random.IntN(10); {
	case (p < 2 || n >= mostFiles) && len(s.outputs) < mostOutputs:
		s.fresh()
	case p < 6 && n < mostFiles:
		s.put(o, fmt.Sprintf("more-%d.parquet", n))
	case p < 8:
		s.put(o, "a.parquet")
	default:
		s.put(o, "notes.parquet")
	}
}

// finish lets nothing change any more.
func (s *runs) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = true
}

// disturb does what concerns a run as a whole.
func (s *runs) disturb(ctx context.Context, kind Kind, choice int) {
	o := s.now()
	switch kind {
	case TerminateRun:
		s.expect(reasonTerminate)
		operator{s.world}.terminate(ctx, o.name)
	case ReplaceUnderRun:
		files := []string{"a.parquet", "b.parquet", "notes.parquet"}
		file := files[choice%len(files)]
		s.mu.Lock()
		s.replaced[filepath.Join(o.name, file)] = true
		s.mu.Unlock()
		s.put(o, file)
	case RecutRun, CancelRun:
		s.expect(reasonCancel)
		if kind == RecutRun {
			s.mu.Lock()
			was := cuts[s.cut]
			s.cut = (s.cut + 1) % len(cuts)
			s.recut += s.reader.recut(o, was, cuts[s.cut])
			s.mu.Unlock()
		}
		res := s.starter(ctx, "cancel", url(o.name))
		s.note("    cancel: %s", res.why())
	default:
	}
}
