package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// say prints a step of the demonstration.
func say(step, format string, args ...any) {
	fmt.Printf("%-9s %s\n", step, fmt.Sprintf(format, args...))
}

// count writes 1234567 as 1,234,567.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// near is the path as seen from here, if that is shorter.
func near(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || len(rel) > len(path) {
		return path
	}
	return rel
}

// sayWhatToSee names what the run has left.
func (d *demo) sayWhatToSee() {
	if d.example != "" {
		say("see", "%s, for one", d.example)
	}
	say("", "duckdb -c \"from '%s'\"", filepath.Join(d.output(), "manifest", "*.parquet"))
	if d.stack.UI != "" && d.keep {
		say("", "%s for the run's history", d.stack.UI)
	}
}

// sayHowToGoOn says what is left running, and what can be done with it.
func (d *demo) sayHowToGoOn() {
	var pids []string
	for _, p := range d.stack.Running() {
		say("running", "%s, process %d, log %s", p.Name, p.PID(), p.Log)
		pids = append(pids, strconv.Itoa(p.PID()))
	}
	starter := near(filepath.Join(d.bin, "starter"))
	say("try", "%s status %s", starter, d.output())
	say("", "%s run --input %s --output %s --size 64x64 --fit cover --task-queue %s --wait",
		starter, d.input(), filepath.Join(d.here, "thumbs"), d.stack.TaskQueue)
	if d.stack.Address != "127.0.0.1:7233" {
		say("", "with TEMPORAL_ADDRESS=%s", d.stack.Address)
	}
	say("stop", "kill %s", strings.Join(pids, " "))
}
