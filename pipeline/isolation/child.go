package isolation

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one decoder. It belongs to one goroutine at a time.
type child struct {
	cmd     *exec.Cmd
	conn    *os.File      // our end of the socket; its deadlines work
	answers *bufio.Reader // of conn: most come in one read
	source  *source
	stderr  *lines
	dead    chan struct{} // closed once it has ended and was waited for
	hello   hello

	statm   *os.File // of it, in /proc
	data    int64    // that it had mapped when it was ready: see mapped
	own     int64    // that it had resident by then, besides files: bytes
	images  int
	bytes   int64 // of their sources
	swollen bool  // it holds more than growth above own
}

// startTimeout is for a machine that is very busy: a start takes 0.1 s.
const startTimeout = time.Minute

// startChild starts a decoder and waits until it is ready and confined.
func startChild(s *starter, opts Options) (*child, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "decoder's socket")
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		theirs.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &child{conn: os.NewFile(uintptr(pair[0]), "decoder"), dead: make(chan struct{})}
	c.answers = bufio.NewReaderSize(c.conn, 64<<10)
	err = c.run(s, theirs, opts)
	theirs.Close() // or its end would go unnoticed
	if err != nil {
		c.close()
		return nil, err
	}
	if err := c.greet(); err != nil {
		d := c.end("")
		return nil, errors.Join(err, d)
	}
	return c, nil
}

// run starts the process.
func (c *child) run(s *starter, theirs *os.File, opts Options) error {
	var err error
	if c.source, err = newSource(opts.MaxSource); err != nil {
		return err
	}
	stderr, theirErr, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirErr.Close()
	// The binary that runs, even if its file was replaced meanwhile.
	c.cmd = exec.Command("/proc/self/exe", opts.Args...) //nolint:noctx // it outlives the call; see end
	c.cmd.Args[0] = os.Args[0]
	c.cmd.Env = append(childEnv(), opts.Env...)
	c.cmd.Dir = "/"
	c.cmd.Stderr = theirErr
	c.cmd.ExtraFiles = []*os.File{theirs, c.source.file}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // Ctrl-C is for the worker, which then finishes its decodes
	}
	if err := s.start(c.cmd); err != nil {
		stderr.Close()
		c.cmd = nil
		return err
	}
	c.stderr = follow(stderr, opts.Log.With("pid", c.cmd.Process.Pid))
	go func() {
		_ = c.cmd.Wait() // ProcessState says how it ended
		<-c.stderr.done
		close(c.dead)
	}()
	return nil
}

// childEnv is what a decoder gets of the environment: how it is linked and
// tuned, and nothing with a secret in it.
func childEnv() []string {
	env := []string{
		"GOMAXPROCS=2",       // one renders, one collects
		"GOTRACEBACK=single", // of a defect of ours, for the log
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case name == "LD_LIBRARY_PATH", name == "VIPSHOME", name == "GODEBUG", name == "GOCOVERDIR",
			strings.HasPrefix(name, "MALLOC_"):
			env = append(env, e)
		}
	}
	return env
}

// greet waits for the decoder, measures it, and sets the limits that stay.
func (c *child) greet() error {
	if err := c.conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	if err := readFrame(c.answers, &c.hello); err != nil {
		return fmt.Errorf("it does not come up: %w", err)
	}
	c.hello.Unconfined = oneLine(c.hello.Unconfined)
	pid := c.cmd.Process.Pid
	var err error
	if c.data, err = mapped(pid); err != nil {
		return err
	}
	if c.statm, err = os.Open(fmt.Sprintf("/proc/%d/statm", pid)); err != nil {
		return err
	}
	if c.own, _, err = c.resident(); err != nil {
		return err
	}
	for resource, l := range once {
		if err := limit(pid, resource, l); err != nil {
			return err
		}
	}
	// If memory gets short on the machine, a decoder is less of a loss than its
	// worker. Where that cannot be said, nothing is lost.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
	return nil
}

func (c *child) isDead() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

func (c *child) due(o Options) bool {
	return c.images >= o.RenewImages || c.bytes >= o.RenewBytes || c.swollen
}

// retire ends a decoder that is idle: it goes by itself when its socket is
// closed.
func (c *child) retire() {
	c.conn.Close()
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	select {
	case <-c.dead:
	case <-timer.C:
		_ = c.cmd.Process.Kill() // fails only if it has ended
		<-c.dead
	}
	c.close()
}

// end kills a decoder, unless it has ended, and says what it died of: of why,
// if that is not "".
func (c *child) end(why string) *death {
	if why == "" {
		// Its socket is closed: it ends, or does as if.
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		select {
		case <-c.dead:
		case <-timer.C:
			why = "it closed its socket and did not end"
		}
	}
	_ = c.cmd.Process.Kill() // fails only if it has ended
	<-c.dead
	c.close()
	return c.autopsy(why)
}

func (c *child) close() {
	c.conn.Close()
	if c.source != nil {
		c.source.close()
	}
	if c.statm != nil {
		c.statm.Close()
	}
}
