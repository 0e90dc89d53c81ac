// Package stack starts what a run needs, all on this machine: an origin of
// images, Temporal and workers, each as a process of its own, as they would be
// in earnest.
package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Stack is what was started.
type Stack struct {
	bin    string // folder of the programs
	folder string // of logs and of Temporal's database
	env    []string

	// Address of Temporal, and of its UI: "" if it is not ours, and then we do
	// not know.
	Address, UI string
	// TaskQueue is where runs and workers of this stack meet.
	TaskQueue string

	processes []*Process
	workers   int
}

// New will start the programs in bin and keep their logs in folder.
func New(bin, folder string) *Stack {
	return &Stack{bin: bin, folder: folder, env: os.Environ(), TaskQueue: "sluice"}
}

// readyTimeout bounds the start of a program. Each is up within a second, but
// on a machine that is busy.
const readyTimeout = 90 * time.Second

// Temporal uses the one that the environment names, or starts devserver.
func (s *Stack) Temporal(ctx context.Context) error {
	if address := os.Getenv("TEMPORAL_ADDRESS"); address != "" {
		s.Address = address
		// Others may work there, and they cannot reach this machine's loopback.
		s.TaskQueue = "sluice-" + filepath.Base(s.folder)
		return nil
	}
	// Where everybody looks for Temporal and its UI, if that is free.
	port, ui := "7233", "8233"
	if !free(port) || !free(ui) {
		port, ui = "0", "0"
	}
	fields, err := s.serve(ctx, "devserver", filepath.Join(s.bin, "devserver"),
		"--port", port, "--ui-port", ui, "--db", filepath.Join(s.folder, "temporal.db"))
	if err != nil {
		return err
	}
	s.Address, s.UI = fields["address"], fields["ui"]
	// Whatever the user has set for another Temporal (a namespace, TLS, an API
	// key) is not for this one.
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "TEMPORAL_") })
	s.env = append(s.env, "TEMPORAL_ADDRESS="+s.Address, "TEMPORAL_CONFIG_FILE="+os.DevNull)
	return nil
}

// Lasting is whether the Temporal in use is not ours, and goes on after us.
func (s *Stack) Lasting() bool { return s.Address != "" && s.UI == "" }

func free(port string) bool {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// Origin serves the images in a folder, and returns the URL of that.
func (s *Stack) Origin(ctx context.Context, images string, latency time.Duration) (url string, err error) {
	fields, err := s.serve(ctx, "origin", filepath.Join(s.bin, "demo"),
		"origin", "--images", images, "--requests", s.Requests(), "--latency", latency.String())
	return fields["url"], err
}

// Requests is the path of the origin's log; see origin.ReadLog.
func (s *Stack) Requests() string { return filepath.Join(s.folder, "requests.log") }

// Worker starts a worker that may fetch from this machine. It asks Temporal for
// work by itself; there is nothing to wait for.
func (s *Stack) Worker(args ...string) (*Process, error) {
	s.workers++
	args = append([]string{"--allow-net", "127.0.0.0/8", "--task-queue", s.TaskQueue}, args...)
	return s.start(fmt.Sprintf("worker-%d", s.workers), filepath.Join(s.bin, "worker"), args...)
}

// Starter is a call of the starter, to be run by the caller.
func (s *Stack) Starter(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "starter"), args...)
	cmd.Env = s.env
	return cmd
}

// Running are the processes that have not ended.
func (s *Stack) Running() []*Process {
	return slices.DeleteFunc(slices.Clone(s.processes), func(p *Process) bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
}

// Stop ends all of it, the last that was started first, and waits for it.
func (s *Stack) Stop() {
	for _, p := range slices.Backward(s.Running()) {
		p.Stop()
	}
}

// serve starts a program and waits for its ready line.
func (s *Stack) serve(ctx context.Context, name, program string, args ...string) (map[string]string, error) {
	p, err := s.start(name, program, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %s; its log is %s", readyTimeout, p.Log))
	defer cancel()
	return p.ready(ctx)
}

func (s *Stack) start(name, program string, args ...string) (*Process, error) {
	p, err := start(name, filepath.Join(s.folder, name+".log"), s.env, program, args...)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}
