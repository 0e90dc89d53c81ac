package isolation

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// death is how a decoder ended while it had an image.
type death struct {
	what string
	// unheard: it was gone before it could hear of the image.
	unheard bool
	// timeout is the message of an image that took too long, "" if it did not.
	timeout string
	// outside: a SIGKILL that was not ours: an operator, or the kernel when
	// memory is short.
	outside bool
}

func (d *death) Error() string { return d.what }

// autopsy says how a child that was waited for has ended. why is set if it was
// killed by us.
func (c *child) autopsy(why string) *death {
	d := &death{what: why}
	state := c.cmd.ProcessState
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case why != "":
		return d
	case status.Signaled() && status.Signal() == syscall.SIGXCPU:
		d.timeout = "it took more CPU time than an image of its size may"
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		d.outside = true
		d.what = "a decoder was killed from outside"
	case status.Signaled():
		d.what = "its decoder died of " + unix.SignalName(status.Signal())
	default:
		d.what = fmt.Sprintf("its decoder ended with exit status %d", status.ExitStatus())
	}
	if last := c.stderr.lastLine(); last != "" && !d.outside {
		d.what += ": " + last
	}
	return d
}

func tooLong(after time.Duration) string {
	return fmt.Sprintf("it was not decoded within %s", after.Round(time.Second/10))
}
