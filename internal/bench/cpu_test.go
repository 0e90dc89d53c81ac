package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/pipeline/isolation"
)

// ownCPU is the CPU time of this process, of its decoders, and of all children
// that have ended: nothing else ends while this process has its turn.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var decoders []int
	for _, id := range family(b, os.Getpid())[1:] {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id)) // nothing, if it has ended
		if args := bytes.Split(command, []byte{0}); len(args) > 1 && string(args[1]) == isolation.Arg {
			decoders = append(decoders, id)
		}
	}
	return sum + used(b, decoders)
}

// family are the ids of a process and of its children.
func family(b *testing.B, pid int) []int {
	b.Helper()
	ids := []int{pid}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range tasks {
		children, err := os.ReadFile(t)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		for _, f := range bytes.Fields(children) {
			if id, err := strconv.Atoi(string(f)); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// cpuOf is the CPU time that a process, its children, and those of them that
// have ended have used: fields 14 to 17 of proc(5)'s stat.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	return used(b, family(b, pid))
}

func used(b *testing.B, ids []int) time.Duration {
	b.Helper()
	const tick = 10 * time.Millisecond // of every Linux that Go runs on
	var ticks int
	for _, id := range ids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue // it has ended, and is its parent's to count
		}
		// The second field, in parentheses, may hold spaces.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		for _, f := range fields[11:15] {
			n, err := strconv.Atoi(string(f))
			if err != nil {
				b.Fatalf("/proc/%d/stat: %q", id, stat)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// peak is the most memory that a process and its children have held, in bytes:
// the sum of their own peaks, which may have been at different times.
func peak(b *testing.B, pid int) int64 {
	b.Helper()
	var sum int64
	for _, id := range family(b, pid) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
		if err != nil {
			continue // it has ended
		}
		for line := range bytes.Lines(status) {
			if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
				var kb int64
				if _, err := fmt.Sscan(string(rest), &kb); err != nil {
					b.Fatal(err)
				}
				sum += kb << 10
			}
		}
	}
	return sum
}
