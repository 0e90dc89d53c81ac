package isolation

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The slowest that was measured of what is decoded and encoded is a lossless
// WebP or an AVIF, at 0.1 s of CPU a megapixel. Five times that, and what a
// small image may take on a machine that is busy with something else.
func cpuLimit(pixels uint64) time.Duration {
	return 10*time.Second + time.Duration(pixels/2)*time.Microsecond
}

// deadline is for what uses no CPU, and three times looser than that: a decoder
// that has to share its CPU with others is not hung.
func deadline(pixels uint64) time.Duration { return 3 * cpuLimit(pixels) }

// graceAfterCancel is how long a decode whose row is given up may still go on:
// most are over by then, and the decoder is spared.
const graceAfterCancel = time.Second

// A decoder may have resident what it had when it was ready, growth, and the
// image's cost; watch holds it to that. growth is what stays of earlier images,
// in heaps and caches; a decoder that keeps more is replaced.
const growth = 16 << 20

// addressable is what a decoder may map beyond twice the image's cost: stacks of
// threads are 8 MiB each, and codecs ask for more than they use, so that a
// limit near the cost fails images that are sound. What is refused here, a
// libvips that copes calls a broken image; it is for allocations that are absurd.
const addressable = 256 << 20

// once are the limits that stay: no core file, no file that grows, and no more
// descriptors than there are.
var once = map[int]unix.Rlimit{
	unix.RLIMIT_CORE:   {},
	unix.RLIMIT_FSIZE:  {},
	unix.RLIMIT_NOFILE: {Cur: 16, Max: 16},
}

func limit(pid, resource int, l unix.Rlimit) error {
	if err := unix.Prlimit(pid, resource, &l, nil); err != nil {
		return fmt.Errorf("prlimit of a decoder: %w", err)
	}
	return nil
}

// limitMemory bounds what pid may map for itself to write to. Unlike the limit
// on address space it does not count what Go only reserves, nor the source,
// which is shared.
func limitMemory(pid int, n int64) error {
	return limit(pid, unix.RLIMIT_DATA, unix.Rlimit{Cur: uint64(n), Max: unix.RLIM_INFINITY})
}

// limitCPU gives pid so much more CPU time. The kernel counts whole seconds.
func limitCPU(pid int, more time.Duration) error {
	// The clock of another process's CPU time: clock_getcpuclockid(3).
	const processClock = 2
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|processClock), &used); err != nil {
		return fmt.Errorf("CPU time of a decoder: %w", err)
	}
	whole := (time.Duration(used.Nano()) + more + time.Second - 1) / time.Second
	return limit(pid, unix.RLIMIT_CPU, unix.Rlimit{Cur: uint64(whole), Max: unix.RLIM_INFINITY})
}

// mapped is what a process has mapped to write to, which is what limitMemory
// counts: bytes.
func mapped(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmData:")); ok {
			var kB int64
			if _, err := fmt.Sscan(string(rest), &kB); err != nil {
				return 0, fmt.Errorf("/proc/%d/status: %w", pid, err)
			}
			return kB << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmData", pid)
}
