package isolation

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice/pipeline"
)

// What a decoder is given, after stderr.
const (
	socketFD = 3
	memoryFD = 4
)

// Serve is a decoder: it renders what it is asked until the socket is closed,
// and returns its exit status. imager is started within it.
func Serve(open func() (pipeline.Imager, error)) int {
	if err := serve(open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(open func() (pipeline.Imager, error)) error {
	// What a container's or a terminal's stop sends to all processes: the worker
	// finishes its decodes, and then closes the socket.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	conn := os.NewFile(socketFD, "socket")
	sources, err := mapSources()
	if err != nil {
		return err
	}
	imager, err := open()
	if err != nil {
		return err
	}
	if err := warm(imager); err != nil {
		return err
	}
	debug.FreeOSMemory()
	if err := forgetCode(); err != nil {
		return err
	}
	dieOfSignals()
	var h hello
	if err := confine(); err != nil {
		h.Unconfined = err.Error()
	}
	runtime.LockOSThread() // C code keeps its buffers by thread
	if err := writeFrame(conn, h); err != nil {
		return err
	}
	answers := frameWriter{w: conn}
	for {
		var r request
		switch err := readFrame(conn, &r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case r.Source < 0 || r.Source > len(sources):
			return errFrame
		}
		a, body := render(imager, sources[:r.Source:r.Source], r)
		if err := answers.write(a, body); err != nil {
			return err
		}
	}
}

// mapSources maps the shared memory, to read only.
func mapSources() ([]byte, error) {
	var s unix.Stat_t
	if err := unix.Fstat(memoryFD, &s); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	b, err := unix.Mmap(memoryFD, 0, int(s.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, unix.Close(memoryFD)
}

// dieOfSignals makes a fault in C code the plain death that it is, which the
// worker can tell from a defect in Go, rather than Go's own trace and exit
// status. Of too much CPU time a process dies by default, which Go ignores.
func dieOfSignals() {
	for _, s := range []syscall.Signal{
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGXCPU,
	} {
		// The kernel's struct sigaction; all zeros are SIG_DFL.
		var act [32]byte
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0) // fails for no such signal
	}
}
