package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// record is what was done and seen, by time, in a file of the run's folder and,
// at the end, in the test's output.
type record struct {
	folder string
	begun  time.Time

	mu       sync.Mutex
	file     *os.File
	findings []string
	found    chan struct{} // closed at the first finding
}

func newRecord(t *testing.T, folder string) *record {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, "chaos.log"))
	if err != nil {
		t.Fatal(err)
	}
	r := &record{folder: folder, begun: time.Now(), file: f, found: make(chan struct{})}
	t.Cleanup(func() { f.Close() })
	return r
}

// note writes a line into the log.
func (r *record) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(format, args...)
}

func (r *record) write(format string, args ...any) {
	fmt.Fprintf(r.file, "%s %7.1fs  %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(r.begun).Seconds(), fmt.Sprintf(format, args...))
}

// most bounds the findings: what is wrong for one row is often wrong for many.
const most = 20

// accuse says that something is not as promised.
func (r *record) accuse(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := fmt.Sprintf(format, args...)
	r.write("FINDING: %s", what)
	if len(r.findings) == 0 {
		close(r.found)
	}
	if len(r.findings) < most {
		r.findings = append(r.findings, fmt.Sprintf("at %.1f s: %s", time.Since(r.begun).Seconds(), what))
	}
}

// wrong are the findings by now.
func (r *record) wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findings
}
