package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// binary is what users run, so it is what is tested. Serving from this package
// would also cost another link of 150 MB for each change of a test.
const binary = "../bin/devserver"

// TestMain builds the binary where it is missing or older than its source.
func TestMain(m *testing.M) {
	if err := buildBinary(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func buildBinary() error {
	built, err := os.Stat(binary)
	if err == nil {
		sources, _ := filepath.Glob("*.go")
		stale := false
		for _, source := range append(sources, "go.mod", "go.sum") {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			if info, err := os.Stat(source); err != nil || info.ModTime().After(built.ModTime()) {
				stale = true
			}
		}
		if !stale {
			return nil
		}
	}
	// Into place by rename: other tests may be starting it right now.
	tmp := binary + ".test"
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", tmp, ".").CombinedOutput(); err != nil {
		return errors.New("building devserver: " + string(out))
	}
	return os.Rename(tmp, binary)
}

// process is one devserver.
type process struct {
	cmd     *exec.Cmd
	address string
	ui      string
	tmp     string // its TMPDIR
	rest    chan string
}

var readyLine = regexp.MustCompile(`^ready address=(\S+:\d+) ui=(\S*)\n$`)

// start runs devserver until the test ends. Its stderr goes to the test's log.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), tmp: t.TempDir(), rest: make(chan string, 1)}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.tmp)
	var stderr bytes.Buffer
	p.cmd.Stderr = &stderr
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.kill(t)
		}
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("devserver %s wrote to stderr:\n%s", strings.Join(args, " "), stderr.String())
		}
	})

	stdout := bufio.NewReader(pipe)
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("no ready line: %v", err)
	}
	m := readyLine.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("ready line = %q, want it to match %s", line, readyLine)
	}
	p.address, p.ui = m[1], m[2]
	go func() {
		rest, _ := io.ReadAll(stdout)
		p.rest <- string(rest)
	}()
	return p
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.rest
	p.cmd.Wait()
}

// terminate sends SIGTERM and returns what else was on stdout, and how it ended.
func (p *process) terminate(t *testing.T) (stdout string, err error) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	stdout = <-p.rest
	return stdout, p.cmd.Wait()
}

func (p *process) dial(t *testing.T) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: p.address, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// silent drops the SDK's complaints about the server that a test kills.
type silent struct{}

var _ sdklog.Logger = silent{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestServesAndStopsOnSIGTERM(t *testing.T) {
	p := start(t, "--port", "0", "--ui-port", "0")

	resp, err := http.Get(p.ui + "/api/v1/namespaces/default")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the UI answers %s for the namespace", resp.Status)
	}

	runWorker(t, p.dial(t)) // open polls must not hold up the stop
	begin := time.Now()
	stdout, err := p.terminate(t)
	if err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	if took := time.Since(begin); took > stopTimeout+time.Second {
		t.Errorf("the stop took %s", took)
	}
	if stdout != "" {
		t.Errorf("more on stdout than the ready line: %q", stdout)
	}
	if left, _ := os.ReadDir(p.tmp); len(left) > 0 {
		t.Errorf("the temporary database was left: %v", left)
	}
}

func TestNoUI(t *testing.T) {
	if p := start(t, "--port", "0", "--ui-port", "-1"); p.ui != "" {
		t.Errorf("ui = %q, want none", p.ui)
	}
}

func TestNamespaceIsSetUp(t *testing.T) {
	c := start(t, "--port", "0", "--ui-port", "-1", "--namespace", "photos").dial(t)
	ctx := testContext(t)

	ns, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != retention {
		t.Errorf("retention = %s, want %s", got, retention)
	}
	if caps := ns.GetNamespaceInfo().GetCapabilities(); !caps.GetWorkflowPause() || !caps.GetWorkerPollCompleteOnShutdown() {
		t.Errorf("capabilities = %v, want workflow_pause and worker_poll_complete_on_shutdown", caps)
	}
	attributes, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SluiceOutput", "SluiceStatus", "SluiceDataset"} {
		if got := attributes.GetCustomAttributes()[name]; got != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			t.Errorf("search attribute %s is %s, want a keyword", name, got)
		}
	}
}

// countSignals returns the signals that it has had when "stop" comes.
func countSignals(ctx workflow.Context) (int, error) {
	n := 0
	s := workflow.NewSelector(ctx)
	stopped := false
	s.AddReceive(workflow.GetSignalChannel(ctx, "add"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		n++
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, "stop"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		stopped = true
	})
	err := workflow.SetUpdateHandler(ctx, "get", func(workflow.Context) (int, error) { return n, nil })
	for err == nil && (!stopped || s.HasPending()) {
		s.Select(ctx)
	}
	return n, err
}

func runWorker(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, "counting", worker.Options{})
	w.RegisterWorkflow(countSignals)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
}

// What was acknowledged before a SIGKILL is there after it, and work goes on.
func TestKilledServerGoesOnWhereItWas(t *testing.T) {
	// A name in which everything that a URI treats specially must survive.
	db := filepath.Join(t.TempDir(), "a b?c%20#d.db")
	args := []string{"--port", "0", "--ui-port", "-1", "--db", db}
	ctx := testContext(t)

	first := start(t, args...)
	c := first.dial(t)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                    "counter",
		TaskQueue:             "counting",
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword("SluiceStatus").ValueSet("running")),
	}, countSignals)
	if err != nil {
		t.Fatal(err)
	}
	const signals = 100
	for range signals {
		if err := c.SignalWorkflow(ctx, "counter", run.GetRunID(), "add", nil); err != nil {
			t.Fatal(err)
		}
	}
	first.kill(t)
	if _, err := os.Stat(db); err != nil {
		t.Errorf("--db went somewhere else: %v", err)
	}

	c = start(t, args...).dial(t)
	described, err := c.DescribeWorkflowExecution(ctx, "counter", "")
	if err != nil {
		t.Fatal(err)
	}
	if info := described.GetWorkflowExecutionInfo(); info.GetExecution().GetRunId() != run.GetRunID() ||
		info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		t.Errorf("after the restart the workflow is run %s, %s; want run %s, running",
			info.GetExecution().GetRunId(), info.GetStatus(), run.GetRunID())
	}
	found, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: "SluiceStatus = 'running'"})
	if err != nil || found.GetCount() != 1 {
		t.Errorf("found by its search attribute: %d (%v), want 1", found.GetCount(), err)
	}

	runWorker(t, c)
	if err := c.SignalWorkflow(ctx, "counter", "", "stop", nil); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := c.GetWorkflow(ctx, "counter", run.GetRunID()).Get(ctx, &n); err != nil || n != signals {
		t.Errorf("the workflow counted %d signals (%v), want %d", n, err, signals)
	}
}

func TestUpdateWithStart(t *testing.T) {
	c := start(t, "--port", "0", "--ui-port", "-1").dial(t)
	ctx := testContext(t)
	runWorker(t, c)

	handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID:                       "counter",
			TaskQueue:                "counting",
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}, countSignals),
		UpdateOptions: client.UpdateWorkflowOptions{UpdateName: "get", WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := handle.Get(ctx, &n); err != nil || n != 0 {
		t.Errorf("the update returned %d, %v; want 0", n, err)
	}
}

func TestWrongCallsExit2(t *testing.T) {
	dir := t.TempDir()
	used := filepath.Join(dir, "used.db")
	running := start(t, "--port", "0", "--ui-port", "-1", "--db", used)
	port := running.address[strings.LastIndex(running.address, ":")+1:]
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("not a database, and longer than its magic"), 0o644); err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"port in use":         {[]string{"--port", port}, "in use"},
		"UI port in use":      {[]string{"--port", "0", "--ui-port", port}, "--ui-port"},
		"database in use":     {[]string{"--port", "0", "--ui-port", "-1", "--db", used}, "in use by another devserver"},
		"folder missing":      {[]string{"--port", "0", "--ui-port", "-1", "--db", filepath.Join(dir, "no", "x.db")}, "does not exist"},
		"folder as database":  {[]string{"--port", "0", "--ui-port", "-1", "--db", dir}, "not a regular file"},
		"text as database":    {[]string{"--port", "0", "--ui-port", "-1", "--db", text}, "not a SQLite database"},
		"foreign address":     {[]string{"--port", "0", "--ui-port", "-1", "--ip", "192.0.2.1"}, "--ip"},
		"port out of range":   {[]string{"--port", "65536"}, "out of range"},
		"same port twice":     {[]string{"--port", "7", "--ui-port", "7"}, "both 7"},
		"unknown log level":   {[]string{"--log-level", "loud"}, "debug, info, warn, error"},
		"unknown flag":        {[]string{"--nosuch"}, "--help"},
		"unexpected argument": {[]string{"start"}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(ctx, binary, test.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != exitUsage {
				t.Errorf("exit status %d, want %d", got, exitUsage)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout = %q, want nothing", stdout.String())
			}
			if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, test.says) {
				t.Errorf("stderr = %q, want one line with %q", s, test.says)
			}
		})
	}
}
