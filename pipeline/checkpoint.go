package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Checkpoint says how far a partition has come. Any checkpoint that a Journal
// accepted is safe to resume from: the parts that it names exist, and the rows
// that it does not count as done are done by whoever resumes. It is a few kB,
// whatever the partition's size.
type Checkpoint struct {
	// Summary is the same for people, who find it in the Temporal UI.
	Summary string `json:"summary"`

	Seq  int64 `json:"seq"`  // rises by one with each checkpoint of a partition
	Pass int   `json:"pass"` // 1 is the first
	// Next is the high row: no row from it on has been taken in this pass.
	Next int64 `json:"next"`
	// Holes are the rows below Next without a final outcome: in flight when the
	// checkpoint was taken, or failed for now and left to a later pass.
	Holes Runs `json:"holes"`
	// Parts hold the final outcomes, by the attempts that wrote them.
	Parts  []Parts `json:"parts,omitempty"`
	Counts Counts  `json:"counts"`
	// Examples are of failed rows, one a class, for people.
	Examples Examples `json:"examples,omitempty"`
	// Tried says of holes how often their sources were asked for.
	Tried Tried `json:"tried,omitempty"`
	// RetryAfter is the longest wait that an origin of a hole asked for.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// Open is set while an attempt decodes in its worker's own process, and Alone
	// is the row that it decodes alone. Deaths are the rows during which workers
	// died so. See suspicion.
	Open   bool    `json:"open,omitempty"`
	Alone  *int64  `json:"alone,omitempty"`
	Deaths []Death `json:"deaths,omitempty"`
	// At is when it was taken, by the worker's clock; for people only.
	At time.Time `json:"at"`
}

// Parts are the parts number 0 to N-1 of one attempt.
type Parts struct {
	Nonce string `json:"nonce"`
	N     int    `json:"n"`
}

// Begin is the checkpoint of a partition that nobody has begun.
func Begin(p Partition) Checkpoint {
	if r := p.Redo; r != nil {
		return Checkpoint{Pass: 1, Next: p.End(), Holes: r.Rows, Counts: r.Kept}
	}
	return Checkpoint{Pass: 1, Next: p.First}
}

// Remaining are the rows of p that have no final outcome: the holes, then what
// was never taken.
func (c Checkpoint) Remaining(p Partition) Runs {
	rs := slices.Clone(c.Holes)
	return rs.AddRun(Run{c.Next, p.End() - c.Next})
}

// Done reports whether every row of p has its final outcome.
func (c Checkpoint) Done(p Partition) bool { return c.Counts.Rows() == p.Rows }

// Later reports whether c is further than d.
func (c Checkpoint) Later(d Checkpoint) bool { return c.Seq > d.Seq }

// PartKeys are the keys of the parts.
func (c Checkpoint) PartKeys(p Partition) []string { return c.partKeys(p.WorkPrefix()) }

func (c Checkpoint) partKeys(workPrefix string) []string {
	var keys []string
	for _, a := range c.Parts {
		for n := range a.N {
			keys = append(keys, partKey(workPrefix, a.Nonce, n))
		}
	}
	return keys
}

// Check holds c against p: a checkpoint that fails it was damaged, or is of
// another partition, and must not be resumed from.
func (c Checkpoint) Check(p Partition) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("checkpoint %d of %s: %s", c.Seq, p.Name, fmt.Sprintf(format, args...))
	}
	if c.Next < p.First || c.Next > p.End() {
		return wrong("row %d is outside %d to %d", c.Next, p.First, p.End())
	}
	if n := len(c.Holes); n > 0 && (c.Holes[0].First < p.First || c.Holes[n-1].End() > c.Next) {
		return wrong("holes from %d to %d are outside %d to %d", c.Holes[0].First, c.Holes[n-1].End(), p.First, c.Next)
	}
	if got, want := c.Counts.Rows(), c.Next-p.First-c.Holes.Count(); got != want {
		return wrong("counts %d rows, holds %d", got, want)
	}
	for n, rows := range c.Tried {
		if k := len(rows); n < 1 || k == 0 || rows[0].First < p.First || rows[k-1].End() > p.End() {
			return wrong("rows that were tried %d times are outside %d to %d", n, p.First, p.End())
		}
	}
	if c.Pass < 1 {
		return wrong("pass %d", c.Pass)
	}
	if c.Alone != nil && (*c.Alone < p.First || *c.Alone >= p.End()) {
		return wrong("row %d, decoded alone, is outside %d to %d", *c.Alone, p.First, p.End())
	}
	for i, d := range c.Deaths {
		if d.N < 1 || d.Row < p.First || d.Row >= p.End() || i > 0 && d.Row <= c.Deaths[i-1].Row {
			return wrong("%d deaths at row %d are out of order, or outside %d to %d", d.N, d.Row, p.First, p.End())
		}
	}
	return nil
}

func (c Checkpoint) summary(p Partition) string {
	s := fmt.Sprintf("%d of %d rows: %d ok, %d failed, %d skipped", c.Counts.Rows(), p.Rows, c.Counts.OK, c.Counts.Failed, c.Counts.Skipped)
	if n := c.Holes.Count(); n > 0 {
		s += fmt.Sprintf(", %d open", n)
	}
	return s + fmt.Sprintf("; pass %d", c.Pass)
}

// DecodeCheckpoint reads a checkpoint's copy and checks it.
func DecodeCheckpoint(data []byte, p Partition) (Checkpoint, error) {
	var c Checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", p.Name, err)
	}
	return c, c.Check(p)
}
