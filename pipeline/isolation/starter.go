package isolation

import (
	"os/exec"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// slack is how much later than asked a decoder's sleeps may end, which it inherits
// from the thread that starts it (prctl(2), PR_SET_TIMERSLACK). Go's monitor wakes
// up every 20 us for some time after each long call to C: 0.1 ms of CPU an image,
// of 4. Nothing in a decoder has to be on time.
const slack = 5 * time.Millisecond

// starter starts processes from one thread, which lives until close: a child
// that is to be killed when its parent ends is killed when the thread that
// started it does (prctl(2), PR_SET_PDEATHSIG), and Go ends threads as it likes.
type starter struct {
	calls chan func()
	ended sync.WaitGroup
}

func newStarter() *starter {
	s := &starter{calls: make(chan func())}
	s.ended.Go(func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		// Refused, decoders do the same at more cost.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
		for call := range s.calls {
			call()
		}
	})
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s.calls <- func() { done <- cmd.Start() }
	return <-done
}

// close comes after the end of all that was started.
func (s *starter) close() {
	close(s.calls)
	s.ended.Wait()
}
