package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/devtest"
	"sluice/internal/failpoint"
	"sluice/internal/s3test"
)

// rig is what all cases share: a Temporal server, an S3 server, an origin that
// counts, and a worker with failpoints.
type rig struct {
	temporal *devtest.Server
	s3       *s3test.Server
	origin   *origin
	worker   string // the program
	env      []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{temporal: devtest.Start(t), s3: s3test.Start(t), origin: newOrigin(t)}
	if _, err := os.Stat(starter); err != nil {
		t.Fatalf("%v: make build", err)
	}
	r.worker = filepath.Join(t.TempDir(), "worker")
	if said, err := exec.Command("go", "build", "-tags", "failpoints", "-o", r.worker, "sluice/worker").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	r.env = append(os.Environ(), "TEMPORAL_ADDRESS="+r.temporal.Address, "TEMPORAL_CONFIG_FILE="+os.DevNull)
	r.env = append(r.env, r.s3.Env()...)
	return r
}

var starter = filepath.Join("..", "..", "bin", "starter")

// origin serves /CASE/ok/N as a small image and other paths as 404, and counts.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	count map[string]int // by path
}

func newOrigin(t *testing.T) *origin {
	o := &origin{count: map[string]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		o.mu.Lock()
		o.count[req.URL.Path]++
		o.mu.Unlock()
		var n int
		if _, path, _ := strings.Cut(req.URL.Path[1:], "/"); strings.HasPrefix(path, "ok/") {
			_, _ = fmt.Sscanf(path, "ok/%d", &n) // the dataset is ours
			_, _ = w.Write(picture(n))           // to a client that may be dead
			return
		}
		http.NotFound(w, req)
	}))
	t.Cleanup(o.Close)
	return o
}

// picture is a JPEG of a few hundred bytes, another one for each n.
func picture(n int) []byte {
	m := image.NewGray(image.Rect(0, 0, 24, 24))
	for i := range m.Pix {
		m.Pix[i] = uint8(i*n + n>>8*i)
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, nil) // to memory: cannot fail
	return b.Bytes()
}

// requests are the counts of a case, by path.
func (o *origin) requests(scene string) map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := map[string]int{}
	for path, n := range o.count {
		if strings.HasPrefix(path, "/"+scene+"/") {
			counts[path] = n
		}
	}
	return counts
}

// The dataset of a case: two partitions, which one worker does at once. Each
// takes a checkpoint on the way.
const (
	files       = 2
	rowsPerFile = 300
)

// path is the source of a row; "" is a null.
func path(scene string, file, row int) string {
	switch n := file*rowsPerFile + row; n % 20 {
	case 7:
		return ""
	case 13:
		return fmt.Sprintf("/%s/gone/%d", scene, n)
	default:
		return fmt.Sprintf("/%s/ok/%d", scene, n)
	}
}

func fileName(file int) string { return fmt.Sprintf("%c.parquet", 'a'+file) }

func (r *rig) dataset(t *testing.T, scene string) (folder string) {
	t.Helper()
	type row struct {
		Path *string `parquet:"path,optional"`
		ID   int64   `parquet:"id"`
	}
	folder = t.TempDir()
	for file := range files {
		rows := make([]row, rowsPerFile)
		for i := range rows {
			rows[i].ID = int64(i)
			if p := path(scene, file, i); p != "" {
				url := r.origin.URL + p
				rows[i].Path = &url
			}
		}
		if err := parquet.WriteFile(filepath.Join(folder, fileName(file)), rows); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// process is a worker.
type process struct {
	*exec.Cmd
	log   string
	ended chan struct{} // closed when it has
}

// start starts a worker, which ends with the test at the latest.
func (r *rig) start(t *testing.T, queue, failpoints string) *process {
	t.Helper()
	p := &process{log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the process has its own
	p.Cmd = exec.Command(r.worker, "--memory", "512MiB", "--decoders", "1", "--allow-net", "127.0.0.0/8", "--task-queue", queue)
	p.Env = slices.Concat(r.env, []string{failpoint.Env + "=" + failpoints})
	p.Stderr = log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // by a signal, mostly
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // fails if it has ended
		<-p.ended
		if t.Failed() {
			t.Logf("worker, failpoints %q:\n%s", failpoints, p.said())
		}
	})
	return p
}

func (p *process) said() string {
	said, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(said)
}

func (p *process) signal(sig syscall.Signal) { _ = p.Process.Signal(sig) } // fails if it has ended

func (p *process) dead() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// frozen is whether the process has been stopped by SIGSTOP.
func (p *process) frozen() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	return err == nil && strings.HasPrefix(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " T")
}

// result is what the starter says with --json.
type result struct {
	exit    int
	stderr  string
	Rows    int64  `json:"rows"`
	OK      int64  `json:"ok"`
	Failed  int64  `json:"failed"`
	Skipped int64  `json:"skipped"`
	Found   int64  `json:"found"`
	Error   string `json:"error"`
}

// call calls the starter and waits for it. It may be called beside the test.
func (r *rig) call(ctx context.Context, args ...string) result {
	cmd := exec.CommandContext(ctx, starter, append(args, "--json")...)
	cmd.Env = r.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	res := result{exit: -1}
	var exit *exec.ExitError
	switch {
	case err == nil:
		res.exit = 0
	case errors.As(err, &exit):
		res.exit = exit.ExitCode()
	}
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		res.exit = -1
	}
	res.stderr = stderr.String()
	return res
}

// await waits for a condition, for longer than the server takes to give up on
// everything that a frozen worker has swallowed.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(2 * time.Minute)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}
