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
)

// ownCPU is the CPU time of this process, without its children.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
	const tick = 10 * time.Millisecond // of every Linux that Go runs on
	var ticks int
	for _, id := range family(b, pid) {
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
