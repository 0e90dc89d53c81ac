package pipeline

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Run is a range of rows.
type Run struct{ First, N int64 }

// End is the row after the run's last one.
func (r Run) End() int64 { return r.First + r.N }

// Runs is a set of rows as sorted, disjoint runs with gaps between them.
type Runs []Run

// Add puts row at the end. Rows come in rising order.
func (rs Runs) Add(row int64) Runs { return rs.AddRun(Run{row, 1}) }

// AddRun puts a run at the end. Runs come in rising order.
func (rs Runs) AddRun(r Run) Runs {
	if r.N <= 0 {
		return rs
	}
	if k := len(rs); k > 0 && rs[k-1].End() == r.First {
		rs[k-1].N += r.N
		return rs
	}
	return append(rs, r)
}

// With is the set and row.
func (rs Runs) With(row int64) Runs {
	i, _ := slices.BinarySearchFunc(rs, row, func(r Run, row int64) int { return cmp.Compare(r.First, row) })
	if rs.Contain(row) {
		return rs
	}
	out := append(Runs{}, rs[:i]...)
	out = out.Add(row)
	for _, r := range rs[i:] {
		out = out.AddRun(r)
	}
	return out
}

// Count is the number of rows.
func (rs Runs) Count() int64 {
	var n int64
	for _, r := range rs {
		n += r.N
	}
	return n
}

// Contain reports whether row is in the set.
func (rs Runs) Contain(row int64) bool {
	i, at := slices.BinarySearchFunc(rs, row, func(r Run, row int64) int { return cmp.Compare(r.First, row) })
	return at || i > 0 && row < rs[i-1].End()
}

// readable is how long the coding for people may grow before the compressed one
// takes over. A few holes are the rule; 5,000 alternating ones are possible.
const readable = 2048

// maxRuns bounds what decoding a damaged or hostile text can allocate: more
// than the holes of the largest partition allowed.
const maxRuns = MaxRowsPerPartition

// MarshalText codes the runs as "7 12+3 40": each is a first row and, if there
// is more than one, how many. Past 2 kB it is "~" and the base64 of the
// deflated gaps and lengths as varints, so that a checkpoint stays small
// whatever the pattern of its holes.
func (rs Runs) MarshalText() ([]byte, error) {
	var b []byte
	for i, r := range rs {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, r.First, 10)
		if r.N > 1 {
			b = strconv.AppendInt(append(b, '+'), r.N, 10)
		}
		if len(b) > readable {
			return rs.packed()
		}
	}
	return b, nil
}

func (rs Runs) packed() ([]byte, error) {
	var raw []byte
	var at int64
	for _, r := range rs {
		raw = binary.AppendUvarint(raw, uint64(r.First-at))
		raw = binary.AppendUvarint(raw, uint64(r.N))
		at = r.End()
	}
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return append([]byte{'~'}, base64.RawStdEncoding.AppendEncode(nil, z.Bytes())...), nil
}

// UnmarshalText is the inverse of MarshalText.
func (rs *Runs) UnmarshalText(text []byte) error {
	*rs = nil
	var at int64
	add := func(first, n int64) error {
		if first < at || n < 1 || first > 1<<62 || n > 1<<61 || (len(*rs) > 0 && first == at) || len(*rs) >= maxRuns {
			return fmt.Errorf("runs: %d+%d after row %d", first, n, at)
		}
		*rs = append(*rs, Run{first, n})
		at = first + n
		return nil
	}
	if len(text) > 0 && text[0] == '~' {
		z, err := base64.RawStdEncoding.DecodeString(string(text[1:]))
		if err != nil {
			return fmt.Errorf("runs: %w", err)
		}
		r := bytes.NewBuffer(nil)
		// Two varints of at most 10 bytes a run.
		if _, err := io.Copy(r, io.LimitReader(flate.NewReader(bytes.NewReader(z)), 20*maxRuns)); err != nil {
			return fmt.Errorf("runs: %w", err)
		}
		for r.Len() > 0 {
			gap, err := binary.ReadUvarint(r)
			if err != nil {
				return fmt.Errorf("runs: %w", err)
			}
			n, err := binary.ReadUvarint(r)
			if err != nil || gap > 1<<61 || n > 1<<61 {
				return errors.New("runs: a length is missing or too large")
			}
			if err := add(at+int64(gap), int64(n)); err != nil {
				return err
			}
		}
		return nil
	}
	for f := range strings.FieldsSeq(string(text)) {
		a, b, more := strings.Cut(f, "+")
		first, err := strconv.ParseInt(a, 10, 64)
		n := int64(1)
		if err == nil && more {
			n, err = strconv.ParseInt(b, 10, 64)
		}
		if err != nil {
			return fmt.Errorf("runs: %q is neither ROW nor ROW+N", f)
		}
		if err := add(first, n); err != nil {
			return err
		}
	}
	return nil
}
