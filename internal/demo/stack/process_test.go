package stack

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := start("shell", filepath.Join(t.TempDir(), "log"), nil, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestTheReadyLineIsFoundAmongOthers(t *testing.T) {
	p := shell(t, "echo starting; echo ready address=127.0.0.1:1 ui=; exec sleep 60")
	fields, err := p.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ui, there := fields["ui"]; fields["address"] != "127.0.0.1:1" || ui != "" || !there {
		t.Errorf("fields are %v", fields)
	}
}

func TestAProgramThatEndsInsteadSaysWhy(t *testing.T) {
	_, err := shell(t, "echo no such flag; exit 2").ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 2\nno such flag") {
		t.Errorf("error is %v", err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := shell(t, "exec sleep 60").ready(ctx); err == nil {
		t.Error("no error")
	}
}

func TestStopLetsAProgramEndInOrder(t *testing.T) {
	p := shell(t, "trap 'echo in order; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
	if _, err := p.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if tail := p.tail(1); tail != "in order" {
		t.Errorf("its log ends with %q", tail)
	}
	if err := syscall.Kill(p.PID(), 0); err != syscall.ESRCH {
		t.Errorf("it is still there: %v", err)
	}
}
