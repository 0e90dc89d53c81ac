package isolation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/elastic/go-seccomp-bpf"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"sluice/pipeline"
	"sluice/pipeline/imaging"
)

// childEnvName makes the test binary a decoder: of images ("real"), of orders
// ("fake"), or one that never comes up ("stillborn").
const childEnvName = "SLUICE_TEST_DECODER"

// sparedEnvName spares a decoder of orders what would kill it from outside.
const sparedEnvName = "SLUICE_TEST_SPARED"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnvName) {
	case "real":
		os.Exit(Serve(func() (pipeline.Imager, error) { return imaging.New(nil) }))
	case "fake":
		os.Exit(Serve(func() (pipeline.Imager, error) { return orders{}, nil }))
	case "unconfined": // of a kernel that has no filters
		if err := seccomp.LoadFilter(seccomp.Filter{
			NoNewPrivs: true,
			Flag:       seccomp.FilterFlagTSync,
			Policy: seccomp.Policy{
				DefaultAction: seccomp.ActionAllow,
				Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: []string{"seccomp"}}},
			},
		}); err != nil {
			panic(err)
		}
		os.Exit(Serve(func() (pipeline.Imager, error) { return orders{}, nil }))
	case "stillborn":
		os.Exit(Serve(func() (pipeline.Imager, error) { return nil, errors.New("there is no libvips") }))
	case "parent":
		os.Exit(parent())
	}
	goleak.VerifyTestMain(m)
}

// orders is an imager that does what its sources say.
type orders struct{}

func (orders) Probe(src []byte) (pipeline.Header, error) {
	return pipeline.Header{Format: "jpeg", Width: 8, Height: 8, Bands: 3, Depth: 8}, nil
}

// Cost is much for what is said to be wide.
func (orders) Cost(h pipeline.Header, _ pipeline.Target) int64 {
	if h.Width > header.Width {
		return 256 << 20
	}
	return 16 << 20
}

const shout = "\xff\xd8\xff" // what a rendition begins with

func (orders) Render(_ context.Context, src []byte, _ pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	word, rest, _ := strings.Cut(string(src), ":")
	out := pipeline.Rendition{Bytes: []byte(shout + rest), Width: t.Width, Height: t.Height}
	die := func(s syscall.Signal) { _ = unix.Tgkill(unix.Getpid(), unix.Gettid(), s) }
	switch word {
	case "segv":
		die(syscall.SIGSEGV)
	case "abort":
		die(syscall.SIGABRT)
	case "exit":
		os.Exit(7)
	case "panic":
		panic("a defect")
	case "kill": // as the kernel does when memory is short
		if os.Getenv(sparedEnvName) == "" {
			die(syscall.SIGKILL)
		}
	case "hang":
		for {
			_, _ = unix.Poll(nil, -1)
		}
	case "spin":
		for {
			runtime.Gosched()
		}
	case "swell":
		var held [][]byte
		for {
			b := make([]byte, 4<<20)
			for i := range b {
				b[i] = 1
			}
			held = append(held, b)
			runtime.KeepAlive(held)
		}
	case "garbage":
		_, _ = unix.Write(socketFD, bytes.Repeat([]byte("\xffgarbage"), 1000))
	case "not json":
		_, _ = unix.Write(socketFD, []byte("\x00\x00\x00\x03{]}"))
	case "oversized":
		out.Bytes = make([]byte, 1<<20)
	case "another size":
		out.Width++
	case "no image":
		out.Bytes = []byte("<html>")
	case "half":
		_, _ = unix.Write(socketFD, []byte{0, 0, 1, 0, '{'})
		os.Exit(0)
	case "another class":
		return out, pipeline.Fail(pipeline.Blocked, "no")
	case "long message":
		return out, pipeline.Fail(pipeline.Corrupt, "a\nb\x1b[31m%s", strings.Repeat("x", 5000))
	case "corrupt":
		return out, pipeline.Fail(pipeline.Corrupt, "it is")
	case "break":
		return out, errors.New("a\nb")
	case "talk":
		fmt.Fprintln(os.Stderr, strings.Repeat("talk ", 3000))
	case "probe":
		out.Bytes = []byte(shout + escapes())
	}
	return out, nil
}

// escapes says which of the doors that a decoder is to have closed are open.
func escapes() string {
	var open []string
	try := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) {
			open = append(open, fmt.Sprintf("%s: %v", what, err))
		}
	}
	_, err := os.Open("/etc/passwd")
	try("open", err)
	_, err = os.Create("/tmp/sluice-escape")
	try("create", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	try("socket", err)
	_, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	try("socketpair", err)
	try("exec", unix.Exec("/bin/true", []string{"true"}, nil))
	try("fork", exec.Command("/bin/true").Run())
	try("kill", unix.Kill(unix.Getppid(), 0))
	try("tgkill", unix.Tgkill(unix.Getppid(), unix.Getppid(), 0))
	try("ptrace", unix.PtraceAttach(unix.Getppid()))
	try("unlink", unix.Unlink("/tmp/sluice-escape"))
	try("raise a limit", unix.Prlimit(0, unix.RLIMIT_DATA, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil))
	try("memfd", func() error { _, err := unix.MemfdCreate("x", 0); return err }())
	return strings.Join(open, "; ")
}
