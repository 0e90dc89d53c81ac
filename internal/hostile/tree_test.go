package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tree watches the memory of a process and of its descendants.
type tree struct {
	root int
	stop chan struct{}
	done chan struct{}
	peak int64            // bytes; read once done is closed
	seen map[string]int64 // the most that each descendant had, by "pid/start time"
}

func watchTree(root int) *tree {
	t := &tree{root: root, stop: make(chan struct{}), done: make(chan struct{}), seen: map[string]int64{}}
	go func() {
		defer close(t.done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			t.look()
			select {
			case <-tick.C:
			case <-t.stop:
				return
			}
		}
	}()
	return t
}

func (t *tree) end() {
	close(t.stop)
	<-t.done
}

// process is what /proc says of one.
type process struct {
	pid, parent int
	id          string
}

func processes() map[int]process {
	all := map[int]process{}
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, f := range folders {
		stat, err := os.ReadFile(f + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, can hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(f))
		parent, _ := strconv.Atoi(fields[1])
		if fields[0] != "Z" {
			all[pid] = process{pid, parent, fmt.Sprintf("%d/%s", pid, fields[19])}
		}
	}
	return all
}

// look adds up what the tree holds now. Pages that processes share are counted
// once, in shares.
func (t *tree) look() {
	all := processes()
	var sum int64
	for _, p := range all {
		for up := p; ; {
			if up.pid == t.root {
				held := pss(p.pid)
				t.seen[p.id] = max(t.seen[p.id], held)
				sum += held
				break
			}
			next, ok := all[up.parent]
			if !ok {
				break
			}
			up = next
		}
	}
	t.peak = max(t.peak, sum)
}

// left are the processes of the tree that are still there.
func (t *tree) left() (ids []string) {
	for _, p := range processes() {
		if _, ours := t.seen[p.id]; ours {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// pss is a process's proportional share of resident memory, in bytes.
func pss(pid int) int64 {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0 // it has ended
	}
	for line := range strings.Lines(string(rollup)) {
		var kB int64
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kB); n == 1 {
			return kB << 10
		}
	}
	return 0
}
