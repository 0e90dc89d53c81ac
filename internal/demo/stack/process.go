package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a program that was started in the background.
type Process struct {
	Name string
	Log  string // path of what it writes to stdout and stderr

	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
	err  error         // then: how
}

// stopTimeout is how long a process may take to end in order. The worker drains
// what it has begun, which takes seconds.
const stopTimeout = 30 * time.Second

// start starts a program whose output goes to a log. The process is given a
// file and no pipe, and a session of its own: so it can outlive this program,
// and Ctrl-C reaches it through this program only, in order.
func start(name, log string, env []string, program string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{Name: name, Log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended, with the end of its log.
func (p *Process) Err() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s\n%s", p.Name, how, p.tail(5))
}

// Kill ends the process by SIGKILL: it learns nothing of it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.done
}

// Stop ends the process in order, or by force if that takes too long.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}

// ready waits for the line by which a program says that it serves, and returns
// its fields: "ready address=127.0.0.1:7233" has an address.
func (p *Process) ready(ctx context.Context) (map[string]string, error) {
	const poll = 20 * time.Millisecond
	for {
		log, err := os.ReadFile(p.Log)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(log)) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "ready" || !strings.HasSuffix(line, "\n") {
				continue
			}
			fields := map[string]string{}
			for _, w := range words[1:] {
				name, value, _ := strings.Cut(w, "=")
				fields[name] = value
			}
			return fields, nil
		}
		select {
		case <-time.After(poll):
		case <-p.done:
			return nil, p.Err()
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", p.Name, context.Cause(ctx))
		}
	}
}

// tail is the end of the log, in lines.
func (p *Process) tail(n int) string {
	log, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// ExitStatus is the exit status in err, and whether there is one.
func ExitStatus(err error) (int, bool) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), true
	}
	return 0, err == nil
}
