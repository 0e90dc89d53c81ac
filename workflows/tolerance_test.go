package workflows

import (
	"testing"

	"sluice/pipeline"
)

func TestTolerance(t *testing.T) {
	counts := func(ok, failed int64) pipeline.Counts {
		return pipeline.Counts{OK: ok, Failed: failed, Errors: map[pipeline.Class]int64{pipeline.HTTP5xx: failed}}
	}
	for _, c := range []struct {
		name     string
		tolerate Tolerance
		counts   pipeline.Counts
		midway   bool // exceeded while rows are to come
		atEnd    bool
	}{
		{"nothing has failed, and nothing may", "0", counts(1000, 0), false, false},
		{"one of none", "0", counts(0, 1), true, true},
		{"one of 0 %", "0%", counts(999, 1), true, true},
		{"exactly the number", "7", counts(100, 7), false, false},
		{"one more than the number", "7", counts(100, 8), true, true},
		{"exactly the share", "5%", counts(950, 50), false, false},
		{"one more than the share", "5%", counts(949, 51), true, true},
		{"a share of a part", "0.5%", counts(9949, 51), true, true},
		{"more than the share of a sample that is too small", "5%", counts(10, 90), false, true},
		{"more than the share of the smallest sample", "5%", counts(189, 11), true, true},
		{"all of them, and all may", "100%", counts(0, 5000), false, false},
		{"all of them, by default", "", counts(0, 5000), false, false},
		{"an empty dataset", "0%", counts(0, 0), false, false},
		{"an empty dataset and a number", "0", counts(0, 0), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.tolerate.Check(); err != nil {
				t.Fatal(err)
			}
			if got := c.tolerate.Exceeded(c.counts, false); got != c.midway {
				t.Errorf("midway: %t", got)
			}
			if got := c.tolerate.Exceeded(c.counts, true); got != c.atEnd {
				t.Errorf("at the end: %t", got)
			}
		})
	}
	for _, bad := range []Tolerance{"5 %", "-1", "101%", "-5%", "NaN%", "five", "1.5", "%"} {
		if bad.Check() == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
