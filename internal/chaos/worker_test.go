package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"sluice/internal/wire"
)

// workerMemory and workerPartitions are what each worker is given. It has one
// decoder: there are several workers.
const (
	workerMemory     = "512MiB"
	workerPartitions = 2
)

// worker is a place for a worker, with wires of its own to Temporal and to the
// store. Whichever process holds it uses these.
type worker struct {
	w               *world
	n               int
	temporal, store *wire.Wire
	process         *process // nil while there is none
	departing       []*process
}

// process is one worker process.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func newWorker(w *world, n int) *worker {
	w.t.Helper()
	k := &worker{w: w, n: n}
	for _, way := range []struct {
		wire **wire.Wire
		to   string
	}{{&k.temporal, w.temporal.Address}, {&k.store, strings.TrimPrefix(w.store.Endpoint, "http://")}} {
		var err error
		if *way.wire, err = wire.New(way.to); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup((*way.wire).Close)
	}
	w.t.Cleanup(func() {
		k.kill()
		for _, p := range k.departing {
			p.kill()
		}
	})
	k.start()
	return k
}

// start starts a process, unless there is one.
func (k *worker) start() {
	k.w.t.Helper()
	if k.process != nil {
		select {
		case <-k.process.ended: // by itself
			k.w.accuse("worker %d ended by itself; see %s", k.n, k.log())
		default:
			return
		}
	}
	log, err := os.OpenFile(k.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		k.w.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(k.w.programs, "worker"),
		"--memory", workerMemory, "--partitions", strconv.Itoa(workerPartitions), "--decoders", "1", "--allow-net", "127.0.0.0/8")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+k.temporal.Address(), "TEMPORAL_CONFIG_FILE="+os.DevNull,
		"AWS_ENDPOINT_URL_S3=http://"+k.store.Address())
	cmd.Env = append(cmd.Env, k.w.store.Env()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		k.w.t.Fatal(err)
	}
	fmt.Fprintf(log, "--- process %d of place %d\n", cmd.Process.Pid, k.n)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // whoever ends it knows how
		close(p.ended)
	}()
	k.process = p
}

func (k *worker) log() string {
	return filepath.Join(k.w.folder, fmt.Sprintf("worker-%d.log", k.n))
}

// kill ends the process by SIGKILL.
func (k *worker) kill() {
	if k.process != nil {
		k.process.kill()
		k.process = nil
	}
}

// stop asks the process to end, and leaves it alone.
func (k *worker) stop() {
	if k.process == nil {
		return
	}
	_ = k.process.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	k.departing = append(k.departing, k.process)
	k.process = nil
}

// freeze stops the process in its tracks, and its decoders if they are to share
// that.
func (k *worker) freeze(decoders bool) { k.signal(syscall.SIGSTOP, decoders) }

// thaw lets it go on.
func (k *worker) thaw() { k.signal(syscall.SIGCONT, true) }

func (k *worker) signal(s syscall.Signal, decoders bool) {
	if k.process == nil {
		return
	}
	pid := k.process.cmd.Process.Pid
	_ = syscall.Kill(pid, s) // fails only if it has ended
	if !decoders {
		return
	}
	for _, p := range processes(filepath.Join(k.w.programs, "worker")) {
		if p.parent == pid {
			_ = syscall.Kill(p.pid, s)
		}
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.ended
}

// running is what /proc says of a process.
type running struct{ pid, parent int }

// processes are those of a program.
func processes(program string) (found []running) {
	program, _ = filepath.Abs(program) // fails only without a working folder
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, f := range folders {
		if exe, err := os.Readlink(filepath.Join(f, "exe")); err != nil || exe != program {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(f, "stat"))
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, can hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(f))
		parent, _ := strconv.Atoi(fields[1])
		found = append(found, running{pid, parent})
	}
	return found
}
