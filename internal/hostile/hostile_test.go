package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"sluice/internal/demo/stack"
	"sluice/pipeline"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is what the worker may hold: enough for a source of 64 MiB, the most
// that is fetched, and for a progressive JPEG of 40 megapixels.
const memory = 768 << 20

// Every case ends as it should in a whole run, within the worker's memory, and
// leaves no process behind. It takes some four minutes: hosts that hang are
// given their time. SLUICE_BIN is where the programs are.
func TestHostile(t *testing.T) {
	if os.Getenv("SLUICE_HOSTILE") == "" {
		t.Skip("make hostile")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	cases := Cases()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	origin := NewOrigin()
	defer origin.Close()
	writeDataset(t, in, origin, cases)
	kind := filepath.Join(dir, "kind")
	writeDataset(t, kind, origin, cases[:1])

	bin := os.Getenv("SLUICE_BIN")
	if bin == "" {
		bin = filepath.Join("..", "..", "bin")
	}
	s := stack.New(bin, dir)
	defer s.Stop()
	if err := s.Temporal(ctx); err != nil {
		t.Fatal(err)
	}
	metrics, err := stack.FreeAddress(ctx)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := s.Worker("--memory", fmt.Sprintf("%dMiB", memory>>20), "--metrics-addr", metrics)
	if err != nil {
		t.Fatal(err)
	}
	watched := watchTree(worker.PID())
	run := func(in, out string) {
		t.Helper()
		starter := s.Starter(ctx, "run", "--input", in, "--output", out, "--wait", "--waits", "1s", "--task-queue", s.TaskQueue)
		if said, err := starter.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%v", err, said, worker.Err())
		}
	}
	// What a worker keeps once it has worked is there after a run without malice.
	run(kind, filepath.Join(dir, "out of the kind"))
	before := settled(ctx, t, metrics, held{})
	run(in, out)
	after := settled(ctx, t, metrics, before)
	worker.Stop()
	watched.end()
	compare(t, cases, outcomes(t, out))
	t.Logf("goroutines and descriptors of the worker: %v before, %v after", before, after)
	if before.less(after) {
		t.Error("goroutines or descriptors leak")
	}
	t.Logf("%d cases; worker and children held %d MiB at most, of %d, in %d processes", len(cases), watched.peak>>20, memory>>20, len(watched.seen))
	if watched.peak >= memory {
		t.Errorf("they held %d MiB, and %d were allowed", watched.peak>>20, memory>>20)
	}
	if left := watched.left(); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
}

// held is what a worker has open.
type held struct{ goroutines, files float64 }

// less allows for what comes and goes: a connection to Temporal, a timer.
func (h held) less(other held) bool {
	return other.goroutines > h.goroutines+8 || other.files > h.files+4
}

// settled is what the worker holds once that is no more than before, or after a
// minute: idle connections are kept for half of one.
func settled(ctx context.Context, t *testing.T, metrics string, before held) (now held) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range 60 {
		m, err := stack.Metrics(ctx, metrics)
		if err != nil {
			t.Fatal(err)
		}
		now = held{m["go_goroutines"], m["process_open_fds"]}
		if before == (held{}) || !before.less(now) {
			return now
		}
		<-tick.C
	}
	return now
}

func writeDataset(t *testing.T, folder string, origin *Origin, cases []Case) {
	t.Helper()
	type row struct {
		Path string `parquet:"path"`
		Case string `parquet:"case"`
	}
	var rows []row
	for _, c := range cases {
		source, err := origin.Start(c)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, slices.Repeat([]row{{source, c.Name}}, max(1, c.Rows))...)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(filepath.Join(folder, "hostile.parquet"), rows); err != nil {
		t.Fatal(err)
	}
}

// outcomes are the manifest's rows, by row number.
func outcomes(t *testing.T, out string) map[int64]pipeline.Outcome {
	t.Helper()
	store, err := storing.Open(t.Context(), out, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int64]pipeline.Outcome{}
	for obj, err := range store.List(t.Context(), pipeline.ManifestPrefix) {
		if err != nil {
			t.Fatal(err)
		}
		for o, err := range tables.New().Scan(t.Context(), store, obj.Key) {
			if err != nil {
				t.Fatal(err)
			}
			rows[o.Row] = o
		}
	}
	return rows
}

func word(c pipeline.Class) string {
	if c == "" {
		return string(pipeline.OK)
	}
	return string(c)
}

// compare prints the table, and fails for each case that did not end as it
// should.
func compare(t *testing.T, cases []Case, rows map[int64]pipeline.Outcome) {
	t.Helper()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ncase\texpected\tgot\tattempts\tfetch\tmessage")
	var wrong int
	var all []Case
	for _, c := range cases {
		all = append(all, slices.Repeat([]Case{c}, max(1, c.Rows))...)
	}
	for i, c := range all {
		o, ok := rows[int64(i)]
		got, mark := "missing", ""
		if ok {
			got = word(o.Class)
		}
		if got != word(c.Class) {
			wrong++
			mark = "  <-- DIFFERS"
		}
		if c.Within > 0 && o.FetchTime > c.Within {
			t.Errorf("%s: fetching it took %v", c.Name, o.FetchTime)
		}
		message := o.Message
		if len(message) > 70 {
			message = message[:70]
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\t%d\t%v\t%s\n", c.Name, word(c.Class), got, mark, o.Attempts, o.FetchTime.Round(10*time.Millisecond), strings.ToValidUTF8(message, ""))
	}
	_ = w.Flush() // to memory
	t.Log(text.String())
	if wrong > 0 {
		t.Errorf("%d of %d rows did not end as they should", wrong, len(all))
	}
}

// Names are what a reader finds a case by.
func TestCasesHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] {
			t.Errorf("there are two cases %q", c.Name)
		}
		seen[c.Name] = true
	}
}
