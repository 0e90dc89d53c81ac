package isolation

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetCode unmaps the pages of the binary and its libraries that were touched
// while everything started: some 70 MB, most of it of packages that a decoder
// never runs. What it does run comes back from the page cache. The pages are
// shared, so that memory is gained only in the books of those who count them for
// each process.
func forgetCode() error {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	var from, to uintptr // of the mapping that is being read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		var begin, end uintptr
		var perms string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &perms); n == 3 {
			from, to = begin, end
			if !strings.Contains(line, " /") || strings.ContainsAny(perms, "ws") {
				from = to
			}
			continue
		}
		// What was written to, as by the linker, would be lost.
		if strings.HasPrefix(line, "Anonymous:") && strings.TrimSpace(line[len("Anonymous:"):]) == "0 kB" && from < to {
			if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
				return os.NewSyscallError("madvise", errno)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	// The peak is counted anew: proc_pid_clear_refs(5).
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}
