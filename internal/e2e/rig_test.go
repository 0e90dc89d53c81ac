package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/devtest"
)

// rig is a dev server, an origin that counts, and the programs.
type rig struct {
	t       *testing.T
	server  *devtest.Server
	origin  *origin
	dir     string
	env     []string // of workers and starters
	preload string   // a library for the workers; see testdata/killer.c
}

// scenario is for what attacks a run, or steers it, and takes a while: make
// scenarios, which CI does.
func scenario(t *testing.T) {
	t.Helper()
	if os.Getenv("SLUICE_SCENARIOS") == "" {
		t.Skip("make scenarios")
	}
}

// newRig is for a test that runs beside others: most of them wait, for a heartbeat
// timeout, or for another attempt.
func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return newQuietRig(t)
}

// newQuietRig is for a test that has the machine to itself, since it holds what it
// sees against a time.
func newQuietRig(t *testing.T) *rig {
	t.Helper()
	server := devtest.Start(t) // skips with -short
	for _, program := range []string{"worker", "starter"} {
		if _, err := os.Stat(bin(program)); err != nil {
			t.Fatalf("%v: make build", err)
		}
	}
	r := &rig{t: t, server: server, origin: newOrigin(t), dir: t.TempDir()}
	r.env = append(os.Environ(), "TEMPORAL_ADDRESS="+server.Address, "TEMPORAL_CONFIG_FILE="+os.DevNull)
	return r
}

func bin(program string) string {
	path, _ := filepath.Abs("../../bin/" + program) // fails only without a working folder
	return path
}

// origin serves /ok/N.jpg as a small photograph of its own for each N, and other
// paths as other things; it counts the requests of each.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	count map[string]int
	delay time.Duration // of each answer
	large [][]byte      // served as /large/N.jpg
	heard chan struct{} // closed once `after` requests have come
	after int
	all   int
	well  map[string]bool        // kinds of paths that have healed
	times map[string][]time.Time // when each path was asked for
	held  chan struct{}          // answers wait until it is closed; nil is closed
	late  chan struct{}          // the same for /late/N.jpg
	// busy is how many requests are at it now, and most the most since crowded was
	// called.
	busy, most int
}

func newOrigin(t *testing.T) *origin {
	o := &origin{
		count: map[string]int{}, times: map[string][]time.Time{}, well: map[string]bool{},
		heard: make(chan struct{}), late: make(chan struct{}),
	}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.Close)
	return o
}

// when returns a channel that is closed after so many more requests.
func (o *origin) when(n int) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard, o.after = make(chan struct{}), o.all+n
	return o.heard
}

// hold keeps answers back until release.
func (o *origin) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = make(chan struct{})
}

func (o *origin) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.held)
	o.held = nil
}

// slow sets the delay of each answer.
func (o *origin) slow(by time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay = by
}

// crowded is how many requests were at it at once since it was called last.
func (o *origin) crowded() (most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	most, o.most = o.most, o.busy
	return most
}

// heal serves photographs under paths of a kind from now on.
func (o *origin) heal(kind string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.well[kind] = true
}

func (o *origin) serve(w http.ResponseWriter, req *http.Request) {
	o.mu.Lock()
	o.count[req.URL.Path]++
	o.times[req.URL.Path] = append(o.times[req.URL.Path], time.Now())
	o.all++
	o.busy++
	o.most = max(o.most, o.busy)
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.busy--
	}()
	if o.all == o.after {
		close(o.heard)
	}
	delay := o.delay
	kind, name, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	if o.well[kind] {
		kind = "ok"
	}
	held := o.held
	if kind == "late" {
		held = o.late
	}
	o.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-req.Context().Done():
			return
		}
	}
	select {
	case <-time.After(delay):
	case <-req.Context().Done():
		return
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(name, ".jpg"))
	switch kind {
	case "ok", "late":
		_, _ = w.Write(photo(n))
	case "large":
		_, _ = w.Write(o.large[n%len(o.large)])
	case "cut":
		body := photo(n)
		_, _ = w.Write(body[:len(body)/2])
	case "killer":
		_, _ = w.Write(killer(n))
	case "empty":
	case "html":
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>gone</body></html>")
	case "busy":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		http.NotFound(w, req)
	}
}

// asked is how often a source was asked for.
func (o *origin) asked(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[path]
}

// requests is how many there were, and how many sources were asked for twice.
func (o *origin) requests() (all, again int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.count {
		all += n
		again += n - 1
	}
	return all, again
}

// photo is a small JPEG, another one for each n.
func photo(n int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 160, 120))
	for x := range 160 {
		for y := range 120 {
			m.SetRGBA(x, y, color.RGBA{uint8(x + n), uint8(y * n), uint8(n >> 8 * 16), 255})
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, nil) // to memory: cannot fail
	return b.Bytes()
}

// dataset writes a file of rows, whose sources are paths of the origin; "" is a
// null.
func (r *rig) dataset(file string, rows int, path func(i int) string) (folder string) {
	r.t.Helper()
	type row struct {
		Path *string `parquet:"path,optional"`
		ID   int64   `parquet:"id"`
	}
	out := make([]row, rows)
	for i := range out {
		out[i].ID = int64(i)
		if p := path(i); p != "" {
			url := r.origin.URL + p
			out[i].Path = &url
		}
	}
	folder = filepath.Join(r.dir, "in")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := parquet.WriteFile(filepath.Join(folder, file), out); err != nil {
		r.t.Fatal(err)
	}
	return folder
}

func fine(i int) string { return fmt.Sprintf("/ok/%d.jpg", i) }

// worker starts a worker, which ends with the test at the latest.
func (r *rig) worker(args ...string) *exec.Cmd {
	r.t.Helper()
	var more []string
	if r.preload != "" {
		more = append(more, "LD_PRELOAD="+r.preload)
	}
	return r.program(bin("worker"), more, args...)
}

// program starts a worker of the file at path, with more in its environment.
func (r *rig) program(path string, more []string, args ...string) *exec.Cmd {
	r.t.Helper()
	cmd := exec.Command(path, append([]string{"--memory", "512MiB", "--allow-net", "127.0.0.0/8"}, args...)...)
	cmd.Env = append(slices.Clone(r.env), more...)
	log := &bytes.Buffer{}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if the test has ended it
		_ = cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("worker: %s", log)
		}
	})
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// result is what the starter says with --json.
type result struct {
	exit       int
	stderr     string
	Status     string           `json:"status"`
	Rows       int64            `json:"rows"`
	OK         int64            `json:"ok"`
	Failed     int64            `json:"failed"`
	Skipped    int64            `json:"skipped"`
	New        int64            `json:"new"`
	Partitions int              `json:"partitions"`
	Errors     map[string]int64 `json:"errors"`
	Error      string           `json:"error"`
	Found      int64            `json:"found"`
	Images     int64            `json:"images"`
	Named      int64            `json:"named"`
	Young      int64            `json:"young"`
	Unfinished int64            `json:"unfinished"`
	Running    struct {
		Partitions struct {
			Failed int `json:"failed"`
		} `json:"partitions"`
	} `json:"running"`
}

// starter calls the starter and waits for it.
func (r *rig) starter(args ...string) result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Minute) // only against a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, bin("starter"), append(args, "--json")...)
	cmd.Env = r.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var res result
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		res.exit = exit.ExitCode()
	case err != nil:
		r.t.Fatalf("starter %v: %v", args, err)
	}
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		r.t.Fatalf("starter %v: %q is not JSON: %v\n%s", args, stdout.String(), err, &stderr)
	}
	res.stderr = stderr.String()
	return res
}

// run is `starter run --wait` with a short heartbeat timeout and quick passes.
func (r *rig) run(in, out string, args ...string) result {
	r.t.Helper()
	return r.starter(append([]string{"run", "--input", in, "--output", out, "--wait", "--heartbeat-timeout", "3s", "--waits", "1s,1s"}, args...)...)
}

// start begins a run and returns what waits for its end.
func (r *rig) start(in, out string, args ...string) (wait func() result) {
	ended := make(chan result, 1)
	go func() { ended <- r.run(in, out, args...) }()
	return func() result { return <-ended }
}

// verify holds the output against its promises.
func (r *rig) verify(out string) {
	r.t.Helper()
	if v := r.starter("verify", out, "--deep"); v.exit != 0 {
		r.t.Errorf("verify: exit status %d, %+v\n%s", v.exit, v, v.stderr)
	}
}

// await waits for a condition.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * time.Minute)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within three minutes", what)
		}
	}
}

// command is a call of the starter, to be run by the caller.
func (r *rig) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), bin("starter"), args...)
	cmd.Env = r.env
	return cmd
}
