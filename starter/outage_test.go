package main

import (
	"strings"
	"testing"
	"time"

	"sluice/internal/devtest"
)

func TestWithoutAWorkerRunSaysHowToStartOneAndGoesOnWaiting(t *testing.T) {
	t.Parallel()
	server := devtest.Start(t)
	begin := time.Now()
	run := start(t, nil, "run", "--address", server.Address, "--input", "/in", "--output", "/out", "--column", "url", "--wait")
	const hint = `no worker takes work from task queue "sluice" of namespace "default"; start one: worker (waiting for it)` + "\n"
	eventually(t, hint, func() bool { return strings.Contains(run.stderrText(), hint) })
	if took := time.Since(begin); took < 3*time.Second {
		t.Errorf("it was said after %s: a worker may take a moment", took)
	}
	startWorker(t, server.Dial())
	if status := run.wait(t); status != exitOK {
		t.Errorf("exit status %d, want %d; stderr: %s", status, exitOK, run.stderrText())
	}
	if n := strings.Count(run.stderrText(), "no worker"); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}

// impatient shortens the wait for a Temporal that has gone.
func impatient(c *cli) { c.patience = 2 * time.Second }

func TestATemporalThatGoesAwayLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	server := devtest.Start(t)
	startWorker(t, server.Dial())
	run := start(t, impatient, "run", "--address", server.Address, "--input", "/in", "--output", "/out", "--column", "slow", "--wait")
	eventually(t, "the plan is accepted", func() bool { return strings.Contains(run.stderrText(), "rows") })

	server.Kill()
	if status := run.wait(t); status != exitUnknown {
		t.Errorf("exit status %d, want %d", status, exitUnknown)
	}
	said := run.stderrText()
	if n := strings.Count(said, "does not answer"); n != 1 {
		t.Errorf("that Temporal is away was said %d times, want once: %s", n, said)
	}
	if !strings.Contains(said, "went away, so the outcome is unknown") || !strings.Contains(said, "starter watch /out") {
		t.Errorf("stderr says nothing of how to go on: %s", said)
	}
	if out := run.stdoutText(); out != "" {
		t.Errorf("stdout %q, want nothing", out)
	}
}

func TestATemporalThatComesBackIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := devtest.Start(t)
	startWorker(t, server.Dial())
	run := start(t, nil, "run", "--address", server.Address, "--input", "/in", "--output", "/out", "--column", "slow", "--wait", "--json")
	eventually(t, "the plan is accepted", func() bool { return strings.Contains(run.stderrText(), "rows") })

	server.Kill()
	eventually(t, "it is missed", func() bool { return strings.Contains(run.stderrText(), "does not answer") })
	server.Restart()
	if err := server.Dial().SignalWorkflow(t.Context(), "sluice:file:///out", "", "finish", nil); err != nil {
		t.Fatal(err)
	}
	if status := run.wait(t); status != exitOK {
		t.Errorf("exit status %d, want %d; stderr: %s", status, exitOK, run.stderrText())
	}
	if out := run.stdoutText(); !strings.Contains(out, `"status":"succeeded"`) {
		t.Errorf("stdout %q, want the result", out)
	}
}
