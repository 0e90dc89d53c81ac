package isolation

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parent is a process with decoders, for TestDecodersEndWithTheirParent. It says
// their ids, and hangs one of them.
func parent() int {
	m, err := New(context.Background(), orders{}, Options{Decoders: 2, Args: []string{"-test.run=^$"}, Env: []string{childEnvName + "=fake"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for range 2 {
		c := <-m.slots
		fmt.Print(c.cmd.Process.Pid, " ")
		m.slots <- c
	}
	fmt.Println()
	_, err = m.Render(context.Background(), []byte("hang"), header, small)
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Decoders, idle ones and those at work, are gone once their parent is killed.
func TestDecodersEndWithTheirParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnvName+"=parent")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range strings.Fields(line) {
		var pid int
		if _, err := fmt.Sscan(f, &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 2 {
		t.Fatalf("%q", line)
	}
	// What shows the end of a process that is not ours to wait for.
	var ends []unix.PollFd
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		ends = append(ends, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	for i := range ends {
		if n, err := unix.Poll(ends[i:i+1], int((20 * time.Second).Milliseconds())); n != 1 || err != nil {
			t.Errorf("decoder %d lives on (%v)", pids[i], err)
		}
	}
}
