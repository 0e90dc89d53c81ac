package chaos

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.temporal.io/sdk/client"

	"sluice/internal/devtest"
	"sluice/internal/s3test"
)

// world is all that takes part in a run, as processes.
type world struct {
	*record
	t        *testing.T
	programs string // folder of worker and starter
	temporal *devtest.Server
	client   client.Client
	store    *s3test.Server
	disk     *disk
	origin   *Origin
	workers  []*worker
	env      []string // of starters
}

// bucket is where the outputs are.
const bucket = "out"

func newWorld(t *testing.T, folder string, workers int) *world {
	t.Helper()
	w := &world{t: t, record: newRecord(t, folder), programs: filepath.Join(folder, "bin"), temporal: devtest.Start(t)}
	w.client = w.temporal.Dial()
	w.disk = newDisk(t)
	if !w.disk.own {
		w.note("no file system of its own for the store: its disk is not filled")
	}
	w.store = s3test.StartIn(t, w.disk.folder)
	w.store.Bucket(t, bucket)
	w.origin = NewOrigin()
	t.Cleanup(w.origin.Close)
	w.install()
	w.env = append(os.Environ(), "TEMPORAL_ADDRESS="+w.temporal.Address, "TEMPORAL_CONFIG_FILE="+os.DevNull)
	for i := range workers {
		w.workers = append(w.workers, newWorker(w, i))
	}
	return w
}

// install gives the programs names of this run's own: so that the processes that
// are left behind can be told from others', and those of a run from a build that
// takes place meanwhile.
func (w *world) install() {
	w.t.Helper()
	if err := os.Mkdir(w.programs, 0o755); err != nil {
		w.t.Fatal(err)
	}
	bin := cmp.Or(os.Getenv("SLUICE_BIN"), filepath.Join("..", "..", "bin"))
	for _, program := range []string{"worker", "starter"} {
		if err := os.Link(filepath.Join(bin, program), filepath.Join(w.programs, program)); err != nil {
			w.t.Fatalf("%v: make build", err)
		}
	}
}

// folder is where the store keeps an output.
func (w *world) folderOf(output string) string {
	return filepath.Join(w.store.Folder(bucket), output)
}

// url is an output's. Where the store is, each worker's environment says: each
// has a way to it of its own.
func url(output string) string {
	return fmt.Sprintf("s3://%s/%s?use_path_style=true", bucket, output)
}

// result is what the starter says with --json.
type result struct {
	exit     int
	stderr   string
	Status   string           `json:"status"`
	Rows     int64            `json:"rows"`
	OK       int64            `json:"ok"`
	Failed   int64            `json:"failed"`
	Skipped  int64            `json:"skipped"`
	New      int64            `json:"new"`
	Errors   map[string]int64 `json:"errors"`
	Error    string           `json:"error"`
	Failures []string         `json:"failures"`
	Found    int64            `json:"found"`
	Findings []any            `json:"findings"`
	Warnings []string         `json:"warnings"`
	// Of gc.
	Images     int64 `json:"images"`
	Work       int64 `json:"work"`
	Unfinished int64 `json:"unfinished"`
}

// why is what r has to say in a line.
func (r result) why() string {
	return strings.Join(strings.Fields(fmt.Sprintf("exit status %d, %s: %s %s", r.exit, r.Status, r.Error, strings.Join(r.Failures, "; "))), " ")
}

// starter calls the starter and waits for it.
func (w *world) starter(ctx context.Context, args ...string) result {
	cmd := exec.CommandContext(ctx, filepath.Join(w.programs, "starter"), append(args, "--json")...)
	cmd.Env = w.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var res result
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		res.exit = exitUnknown
		return res
	case errors.As(err, &exit):
		res.exit = exit.ExitCode()
	case err != nil:
		res.exit, res.Error = -1, err.Error()
		return res
	}
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		res.Error = fmt.Sprintf("no JSON: %q", stdout.String())
	}
	res.stderr = stderr.String()
	return res
}

// The exit statuses of the starter.
const (
	exitFailed  = 1
	exitUnknown = 3
)
