package imaging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"sluice/pipeline"
)

// peakEnv makes the test binary measure one Render and print what it took.
const peakEnv = "SLUICE_IMAGING_PEAK"

type peakJob struct {
	File   string
	Target pipeline.Target
}

// peak is how far a Render of src raises the resident memory of a process,
// above what it holds with libvips started and an image of the kind done.
func peak(t testing.TB, src []byte, target pipeline.Target) int64 {
	t.Helper()
	job := peakJob{filepath.Join(t.TempDir(), "src"), target}
	if err := os.WriteFile(job.File, src, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), peakEnv+"="+string(must(json.Marshal(job))))
	out, err := cmd.CombinedOutput()
	var n int64
	if _, scanErr := fmt.Sscan(string(out), &n); err != nil || scanErr != nil {
		t.Fatalf("measuring: %v: %s", err, out)
	}
	return n
}

// measure is peak's other half, in a process of its own.
func measure(encoded string) error {
	var job peakJob
	if err := json.Unmarshal([]byte(encoded), &job); err != nil {
		return err
	}
	src, err := os.ReadFile(job.File)
	if err != nil {
		return err
	}
	m, err := New(nil)
	if err != nil {
		return err
	}
	render := func(src []byte, t pipeline.Target) error {
		h, err := m.Probe(src)
		if err != nil {
			return err
		}
		_, err = m.Render(context.Background(), src, h, t)
		return err
	}
	// Code is loaded, tables are built and threads are started by the first.
	small := photo(64, 64)
	first := job.Target
	first.Width, first.Height = 32, 32
	for _, src := range [][]byte{jpegOf(small, 80), pngOf(small)} {
		if err := render(src, first); err != nil {
			return err
		}
	}
	debug.FreeOSMemory()
	m.Close()
	// Resets the high-water mark: proc_pid_clear_refs(5).
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	before, err := highWater()
	if err != nil {
		return err
	}
	if err := render(src, job.Target); err != nil {
		return err
	}
	after, err := highWater()
	fmt.Println(after - before)
	return err
}

// highWater is the largest resident memory so far, bytes.
func highWater() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	if !ok {
		return 0, fmt.Errorf("no VmHWM in %q", status)
	}
	var kB int64
	_, err = fmt.Sscan(strings.TrimSpace(string(rest)), &kB)
	return kB << 10, err
}
