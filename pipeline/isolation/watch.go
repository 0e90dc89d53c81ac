package isolation

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watchEvery is how often a decoder at work is looked at. Touching memory for
// the first time goes at 1 to 2 GB/s, so that it overshoots by some 10 MB; a
// look takes 2 us.
const watchEvery = 5 * time.Millisecond

// unwatched is how long an image goes on before the first look: most are done by
// then, which spares 1 to 2 % of their CPU. What a decoder touches in that time is
// little more than growth, which it may.
const unwatched = 10 * time.Millisecond

// watch kills a child that has more than so many bytes resident, and lets stop
// say whether it did. A limit on what is mapped (limitMemory) cannot do that: C
// code takes a refused allocation for a broken image.
func (c *child) watch(allowed int64) (stop func() (swelled bool)) {
	var mu sync.Mutex
	swelled, stopped := false, false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(unwatched, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		own, _, err := c.resident()
		if err != nil {
			return // it has ended
		}
		if own > allowed {
			swelled = c.cmd.Process.Kill() == nil
			return
		}
		timer.Reset(watchEvery)
	})
	return func() bool {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		return swelled
	}
}

// resident is what the child holds, in bytes: of its own, and of pages that
// others can have, too, which are code and its source.
func (c *child) resident() (own, shared int64, err error) {
	var b [128]byte
	n, err := unix.Pread(int(c.statm.Fd()), b[:], 0) // a ReadAt would read twice
	if err != nil {
		return 0, 0, os.NewSyscallError("pread", err)
	}
	// Pages in all, resident, and shared of these: proc_pid_statm(5).
	var pages [3]int64
	fields := bytes.Fields(b[:n])
	for i := range pages {
		if i < len(fields) {
			pages[i], err = strconv.ParseInt(string(fields[i]), 10, 64)
		}
		if i >= len(fields) || err != nil {
			return 0, 0, fmt.Errorf("statm of a decoder: %q", b[:n])
		}
	}
	all, shared := pages[1], pages[2]
	page := int64(os.Getpagesize())
	return (all - shared) * page, shared * page, nil
}
