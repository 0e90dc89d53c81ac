//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"syscall"

	"sluice/pipeline"
)

// armed is written by Arm, before anything is done.
var armed []*point

// Arm reads Env.
func Arm() (err error) {
	if armed, err = parse(os.Getenv(Env)); err != nil {
		return &pipeline.UsageError{Message: err.Error()}
	}
	return nil
}

// Before is called right before a step is done, After right after it was. An
// error is the step's.
func Before(step, what string) error { return reach("before", step, what) }

// After is Before's counterpart.
func After(step, what string) error { return reach("after", step, what) }

func reach(where, step, what string) error {
	for _, p := range armed {
		if !p.hit(where, step, what) {
			continue
		}
		// Whoever waits for it reads it in the log: a signal can be late, and a
		// process that is gone says nothing of where it was.
		fmt.Fprintf(os.Stderr, "failpoint: %s %s %q: %s\n", where, step, what, p.action)
		switch p.action {
		case kill:
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case stop:
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			fmt.Fprintf(os.Stderr, "failpoint: %s %s %q: goes on\n", where, step, what)
		case fail:
			return fmt.Errorf("failpoint %s %s %q", where, step, what)
		}
	}
	return nil
}
