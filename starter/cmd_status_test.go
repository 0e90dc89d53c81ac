package main

import (
	"strings"
	"testing"

	"sluice/workflows/progress"
)

// Whatever is held up says so, planning as well.
func TestStatusSaysWhatIsHeldUp(t *testing.T) {
	troubles := []progress.Trouble{{Activity: "Plan", Attempt: 4, Message: "s3://in: list: connection refused"}}
	for name, planned := range map[string]bool{"while planning": false, "while it runs": true} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			c := &cli{stdout: &out}
			c.showOpen(target{output: "file:///out"}, progress.Snapshot{Status: progress.Running, Planned: planned, Troubles: troubles})
			if want := "plan held up, attempt 4: s3://in: list: connection refused"; !strings.Contains(out.String(), want) {
				t.Errorf("%q does not say %q", out.String(), want)
			}
		})
	}
}
