//go:build failpoints

package failpoint

import (
	"errors"
	"strings"
	"testing"

	"sluice/pipeline"
)

func TestTheNthStepThatMatchesFails(t *testing.T) {
	arm(t, "before:write:images/*=error@2; after:heartbeat=error@1;")
	for i, c := range []struct {
		err  error
		fail bool
	}{
		{Before(Write, "manifest/a.parquet"), false},
		{Before(Write, "images/a/1.jpg"), false},
		{After(Write, "images/a/1.jpg"), false},
		{Before(Write, "images/b/2.jpg"), true},
		{Before(Write, "images/b/3.jpg"), false},
		{Before(Heartbeat, "Process"), false},
		{After(Heartbeat, "Process"), true},
		{After(Heartbeat, "Process"), false},
	} {
		if (c.err != nil) != c.fail {
			t.Errorf("step %d: %v", i, c.err)
		}
	}
}

func TestASpecThatIsWrongSaysWhy(t *testing.T) {
	for spec, says := range map[string]string{
		"before":                     "WHERE:STEP",
		"during:write=kill@1":        "neither before nor after",
		"before:read=kill@1":         "none of the steps",
		"before:write:a=explode@1":   "none of the actions",
		"before:write:a=kill":        "not the number of a hit",
		"before:write:a=kill@0":      "not the number of a hit",
		"before:write=kill@1;before": "WHERE:STEP",
	} {
		t.Setenv(Env, spec)
		var usage *pipeline.UsageError
		if err := Arm(); !errors.As(err, &usage) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line that says %q", spec, err, says)
		}
	}
}

func arm(t *testing.T, spec string) {
	t.Helper()
	t.Setenv(Env, spec)
	if err := Arm(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { armed = nil })
}
