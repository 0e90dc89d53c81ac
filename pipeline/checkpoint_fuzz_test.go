package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Whatever a copy of a checkpoint holds, reading it ends in an error or in one
// that its partition can be resumed from, and that is written as it was read.
func FuzzCheckpoint(f *testing.F) {
	p := Partition{Name: "part", File: "a.parquet", First: 100, Rows: 1000}
	many := Checkpoint{Seq: 3, Pass: 2, Next: p.End(), Tried: Tried{}, Counts: Counts{OK: 500}}
	for row := p.First; row < p.End(); row += 2 {
		many.Holes = many.Holes.Add(row)
		many.Tried.add(row, 1+int(row%3))
	}
	row := p.First + 7
	suspect := Checkpoint{Seq: 4, Pass: 1, Next: 120, Open: true, Alone: &row, Deaths: []Death{{Row: row, N: 1}, {Row: row + 3, N: 2}}}
	for _, c := range []Checkpoint{Begin(p), many, suspect} {
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"pass":1,"next":110,"holes":"105+5","counts":{"ok":5},"tried":{"2":"105 107"}}`))
	f.Add([]byte(`{"pass":1,"next":100,"tried":{"-1":"105","9999999":"4611686018427387904+99"}}`))
	f.Add([]byte(`{"pass":1,"next":110,"holes":"~////"}`))
	f.Add([]byte(`{"pass":1,"next":9223372036854775807,"holes":"0+9223372036854775807"}`))
	f.Add([]byte(`{"pass":1,"next":110,"alone":1100,"deaths":[{"row":105,"n":0},{"row":104,"n":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCheckpoint(data, p)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is not one line", err)
			}
			return
		}
		at := p.First
		for _, r := range c.Remaining(p) {
			if r.First < at || r.N < 1 || r.End() > p.End() {
				t.Fatalf("%d+%d remain after row %d", r.First, r.N, at)
			}
			at = r.End()
		}
		if len(c.Tried.of(p)) != int(p.Rows) {
			t.Error("the tries are not those of its rows")
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeCheckpoint(again, p)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if d := cmp.Diff(c, back, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	})
}
