package pipeline_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/s3test"
	"sluice/pipeline"
	"sluice/pipeline/storing"
)

// opened opens a store that a test has named.
func opened(t *testing.T, at string) pipeline.Store {
	t.Helper()
	s, err := storing.Open(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // never fails
	return s
}

// wantUsage fails unless err is a mistake of the caller that says all of says.
func wantUsage(t *testing.T, err error, says ...string) {
	t.Helper()
	var usage *pipeline.UsageError
	if !errors.As(err, &usage) {
		t.Errorf("ended with %v, which is no mistake of the caller", err)
		return
	}
	for _, part := range says {
		if !strings.Contains(usage.Message, part) || strings.Contains(usage.Message, "\n") {
			t.Errorf("%q does not say %q in one line", usage.Message, part)
		}
	}
}

// What cannot be used is the caller's mistake, whatever it is of: a run would be
// held up for good.
func TestAStoreThatRefusesIsAMistakeOfTheCaller(t *testing.T) {
	server := s3test.Start(t)
	server.Bucket(t, "there")
	none, denied := "s3://none?"+server.Query(), "s3://there?anonymous=true&"+server.Query()
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, w *world)
		want  []string
	}{
		{"no such bucket for the output", func(t *testing.T, w *world) { w.output.Store = opened(t, none) }, []string{"output", "s3://none", "make it", "--output"}},
		{"no such bucket for the dataset", func(t *testing.T, w *world) { w.output.Dataset = opened(t, none) }, []string{"dataset", "s3://none", "make it", "--input"}},
		{"an output that is forbidden", func(t *testing.T, w *world) { w.output.Store = opened(t, denied) }, []string{"output", "s3://there", "403", "--output"}},
		{"a dataset that is forbidden", func(t *testing.T, w *world) { w.output.Dataset = opened(t, denied) }, []string{"dataset", "s3://there", "403", "--input"}},
		{"an output folder that is gone", func(t *testing.T, w *world) { w.output.Store = gone(t) }, []string{"output", "file://", "make it", "--output"}},
		{"a dataset's folder that is gone", func(t *testing.T, w *world) { w.output.Dataset = gone(t) }, []string{"dataset", "file://", "make it", "--input"}},
		{"an output that was written to, and is read-only now", func(t *testing.T, w *world) {
			dir := t.TempDir()
			if err := syscall.Mount("sluice-test", dir, "tmpfs", 0, ""); err != nil {
				t.Skipf("no file system can be mounted here: %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
			w.output.Store = opened(t, dir)
			w.mustPlan("0", 100) // writes the spec
			if err := syscall.Mount("sluice-test", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, []string{"output", "read-only file system", "--output"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.sources("a.parquet", 10, fine)
			c.spoil(t, w)
			_, _, err := w.plan("1", 100)
			wantUsage(t, err, c.want...)
		})
	}
}

// A folder is left as it was, without so much as an empty one in it.
func TestARefusedCallLeavesNothingBehind(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.sources("a.parquet", 10, fine)
	w.output.Store = opened(t, dir)
	w.spec.Column = "url"
	_, _, err := w.plan("1", 100)
	wantUsage(t, err, `no column "url"`)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v were left behind, %v", left, err)
	}
}

// Verifying and collecting are calls, too.
func TestARefusalIsAMistakeOfWhoeverVerifies(t *testing.T) {
	w := newWorld(t)
	w.sources("a.parquet", 10, fine)
	w.run("1", 100)
	w.output.Dataset = gone(t)
	_, err := w.output.Survey(t.Context(), pipeline.VerifyRequest{Run: "_runs/verify/"}, func(pipeline.VerifyProgress) {})
	wantUsage(t, err, "dataset", "make it")
	_, err = w.output.Collect(t.Context(), pipeline.CollectRequest{Run: "_runs/gc/"}, func(pipeline.Collected) {})
	wantUsage(t, err, "dataset", "make it")
}

// gone is a folder that was there when it was opened.
func gone(t *testing.T) pipeline.Store {
	dir := t.TempDir()
	s := opened(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	return s
}

// What is only away comes back, and is waited for.
func TestAStoreThatIsAwayIsNoMistake(t *testing.T) {
	server := s3test.Start(t) // for its credentials
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(busy.Close)
	for name, endpoint := range map[string]string{"refused": "http://127.0.0.1:1", "503": busy.URL} {
		away := strings.Replace("s3://bucket?"+server.Query(), url.QueryEscape(server.Endpoint), url.QueryEscape(endpoint), 1)
		for _, spoil := range []func(w *world){
			func(w *world) { w.output.Store = opened(t, away) },
			func(w *world) { w.output.Dataset = opened(t, away) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // the SDK waits between its attempts
				w := newWorld(t)
				w.sources("a.parquet", 10, fine)
				spoil(w)
				_, _, err := w.plan("1", 100)
				var usage *pipeline.UsageError
				if err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), name) {
					t.Errorf("ended with %v", err)
				}
			})
		}
	}
}
