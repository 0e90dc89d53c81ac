package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunsText(t *testing.T) {
	for _, c := range []struct {
		name string
		runs Runs
		text string
	}{
		{"none", nil, ""},
		{"one row", Runs{{7, 1}}, "7"},
		{"rows and ranges", Runs{{7, 1}, {12, 3}, {40, 1}}, "7 12+3 40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := c.runs.MarshalText()
			if err != nil || string(text) != c.text {
				t.Fatalf("marshals to %q, %v; want %q", text, err, c.text)
			}
			var back Runs
			if err := back.UnmarshalText(text); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.runs, back); d != "" {
				t.Error(d)
			}
		})
	}
}

// The worst pattern for a run-length code must not make a checkpoint large.
func TestRunsStaySmallWhateverThePattern(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		rows  int64
		hole  func(row int64) bool
		bytes int
	}{
		{"every other of 10,000", 10_000, func(r int64) bool { return r%2 == 0 }, 100},
		{"half of 10,000 at random", 10_000, func(int64) bool { return random.IntN(2) == 0 }, 3 << 10},
		{"half of a million at random", 1_000_000, func(int64) bool { return random.IntN(2) == 0 }, 300 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rs Runs
			for row := range c.rows {
				if c.hole(row) {
					rs = rs.Add(row)
				}
			}
			text, err := rs.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > c.bytes {
				t.Errorf("%d bytes, want at most %d", len(text), c.bytes)
			}
			var back Runs
			if err := back.UnmarshalText(text); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(rs, back); d != "" {
				t.Error("does not come back the same")
			}
		})
	}
}

func TestRunsRefuseNonsense(t *testing.T) {
	for _, text := range []string{"x", "1+", "1+0", "5 4", "5+3 7", "5 6", "-1", "~", "~!!", "9223372036854775807+9"} {
		var rs Runs
		if err := rs.UnmarshalText([]byte(text)); err == nil && text != "~" {
			t.Errorf("%q was read as %v", text, rs)
		}
	}
}

func FuzzRuns(f *testing.F) {
	for _, s := range []string{"", "7 12+3 40", "~Y2BgYGAEAA", "1+0", "~"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var rs Runs
		if rs.UnmarshalText(text) != nil {
			return
		}
		again, err := rs.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Runs
		if err := back.UnmarshalText(again); err != nil {
			t.Fatalf("%q was read as %v, written as %q, and that is refused: %v", text, rs, again, err)
		}
		if d := cmp.Diff(rs, back); d != "" {
			t.Error(d)
		}
	})
}
