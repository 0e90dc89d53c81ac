// Package devtest gives tests a Temporal server of their own: bin/devserver on a
// free port, with a database that is gone after the test.
package devtest

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// Require is the environment variable that makes a missing devserver a failure
// instead of a reason to skip: in CI, a test that does not run proves nothing.
const Require = "SLUICE_REQUIRE_DEVSERVER"

// upTimeout is for a machine that is busy compiling; an idle one takes 0.5 s.
const upTimeout = 60 * time.Second

// Server is a dev server that runs.
type Server struct {
	// Address is the frontend's, HOST:PORT. It stays the same over restarts.
	Address string

	t   testing.TB
	db  string
	cmd *exec.Cmd
}

// Start starts a dev server, and stops it when the test has ended. The test is
// skipped where bin/devserver was not built, and with -short.
func Start(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a Temporal server, and this is -short")
	}
	s := &Server{t: t, db: filepath.Join(t.TempDir(), "temporal.db")}
	s.start(0)
	t.Cleanup(s.Stop)
	return s
}

// Restart starts a server that was stopped or killed again, at the same address
// and on the same database.
func (s *Server) Restart() {
	s.t.Helper()
	_, port, _ := parseAddress(s.Address)
	s.start(port)
}

// Stop ends the server in order. It does nothing if the server does not run.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server by SIGKILL.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Log is the path of what the server has to say, over all restarts.
func (s *Server) Log() string { return s.db + ".log" }

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Dial connects to the server until the test has ended. Its SDK log is quiet.
func (s *Server) Dial() client.Client {
	s.t.Helper()
	c, err := client.Dial(client.Options{
		HostPort: s.Address,
		// The default names the machine, and histories are recorded.
		Identity: "sluice-test",
		Logger:   log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		s.t.Fatalf("dialling the dev server: %v", err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *Server) start(port int) {
	s.t.Helper()
	bin := binary(s.t)
	errs, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer errs.Close()
	// #nosec G204 -- the binary that this project builds
	s.cmd = exec.Command(bin, "--port", strconv.Itoa(port), "--ui-port", "-1", "--db", s.db, "--log-level", "error")
	s.cmd.Stderr = errs
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting %s: %v", bin, err)
	}
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- line
		_, _ = io.Copy(io.Discard, stdout)
	}()
	select {
	case line := <-ready:
		address, _, ok := parseAddress(line)
		if !ok {
			s.Kill()
			said, _ := os.ReadFile(s.Log())
			s.t.Fatalf("%s did not come up: %s", bin, said)
		}
		s.Address = address
	case <-time.After(upTimeout):
		s.Kill()
		s.t.Fatalf("%s was not ready after %s", bin, upTimeout)
	}
}

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait() // by a signal; that is no news
	s.cmd = nil
}

var addressPattern = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)

// parseAddress finds the address in the ready line.
func parseAddress(line string) (address string, port int, ok bool) {
	m := addressPattern.FindStringSubmatch(line)
	if m == nil {
		return "", 0, false
	}
	port, err := strconv.Atoi(m[1])
	return m[0], port, err == nil
}

// binary is bin/devserver of this module.
func binary(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(root, "bin", "devserver")
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv(Require) == "1" {
			t.Fatalf("%v; build it: make devserver", err)
		}
		t.Skipf("%v; build it: make devserver", err)
	}
	return bin
}

// moduleRoot is the nearest folder above the test's that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above %s", dir)
		}
		dir = up
	}
}
