package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.temporal.io/sdk/client"

	"sluice/internal/devtest"
	"sluice/workflows/progress"
)

// The dialogues: calls of the program, good and bad, and what it answers.
func TestDialogues(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:1" // nobody
	var temporal client.Client
	scripts := "testdata/script/*.txtar"
	if testing.Short() {
		scripts = "testdata/script/offline_*.txtar"
	} else {
		server := devtest.Start(t)
		temporal = server.Dial()
		startWorker(t, temporal)
		address = server.Address
	}
	files, err := filepath.Glob(scripts)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TEMPORAL_ADDRESS", address)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"until":   until,
			"planned": func(ts *testscript.TestScript, _ bool, args []string) { planned(ts, temporal, args[0]) },
			"finish":  func(ts *testscript.TestScript, _ bool, args []string) { finish(ts, temporal, args[0]) },
		},
	})
}

// exits STATUS COMMAND... runs a command and wants this exit status.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit := new(exec.ExitError); errors.As(ts.Exec(args[1], args[2:]...), &exit) {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// until REGEXP COMMAND... runs a command again and again until its stdout matches.
func until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick, deadline := time.Tick(100*time.Millisecond), time.After(time.Minute)
	for {
		if ts.Exec(args[1], args[2:]...) == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			ts.Fatalf("%v never says %s; at last: %s", args[1:], want, ts.ReadFile("stdout"))
		}
	}
}

// planned OUTPUT waits until a run is open and its plan accepted.
func planned(ts *testscript.TestScript, temporal client.Client, output string) {
	target, err := parseTarget(ts.MkAbs(output))
	ts.Check(err)
	reader := progress.NewReader(temporal, target.id, "")
	tick, deadline := time.Tick(20*time.Millisecond), time.After(time.Minute)
	for {
		s, err := reader.Read(context.Background())
		if err == nil && s.Planned && s.Partitions.Running > 0 {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			ts.Fatalf("not planned: %+v, %v", s, err)
		}
	}
}

// finish OUTPUT lets a slow run end.
func finish(ts *testscript.TestScript, temporal client.Client, output string) {
	target, err := parseTarget(ts.MkAbs(output))
	ts.Check(err)
	ts.Check(temporal.SignalWorkflow(context.Background(), target.id, "", "finish", nil))
}
