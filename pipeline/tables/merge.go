package tables

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"sluice/pipeline"
)

// Merge implements pipeline.Tables. It holds the parts open whose rows overlap
// at the row that it writes, and one row group of the manifest. Parts that are
// damaged or do not make up p are a *pipeline.FileError; a missing one is
// fs.ErrNotExist.
func (*Tables) Merge(ctx context.Context, out pipeline.Store, parts []string, p pipeline.Partition, w io.Writer) (pipeline.Counts, error) {
	m := &merge{ctx: ctx, out: out, p: p, next: p.First}
	defer m.close()
	if p.Redo != nil {
		if err := m.replace(); err != nil {
			return pipeline.Counts{}, err
		}
	}
	if err := m.survey(parts); err != nil { //nolint:contextcheck // m holds ctx
		return pipeline.Counts{}, err
	}
	m.w = newWriter(w, newSchema(m.kept, namesOf(m.kept)), manifestCodec)
	for m.next < p.End() {
		if err := m.step(); err != nil {
			return pipeline.Counts{}, err
		}
	}
	if err := m.finish(); err != nil {
		return pipeline.Counts{}, err
	}
	return m.counts, nil
}

// merge is one run of Merge.
type merge struct {
	ctx  context.Context
	out  pipeline.Store
	p    pipeline.Partition
	kept []column // of every part
	// replaced is the manifest that a redo replaces; it is one of open while it
	// has rows left that are not done again.
	replaced *manifest

	closed []part      // by first row; not yet opened
	open   []*manifest // each at a row that is not yet written
	w      *writer
	next   int64 // the row to be written
	counts pipeline.Counts
}

// part is a part before it is opened.
type part struct {
	key   string
	first int64 // its first row, or a lower one
	rows  int64
	kept  []column
}

// surveys is how many footers are read at a time: a partition of a million rows
// has 4,000 parts and more.
const surveys = 8

// survey reads the parts' footers, compares their columns and sorts them by
// their first rows.
func (m *merge) survey(keys []string) error {
	m.closed = make([]part, len(keys))
	g, ctx := errgroup.WithContext(m.ctx)
	g.SetLimit(surveys)
	for i, key := range keys {
		g.Go(func() (err error) {
			m.closed[i], err = survey(ctx, m.out, key)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortFunc(m.closed, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.key, b.key))
	})
	first := m.p.ManifestKey()
	for i, x := range m.closed {
		if i == 0 && m.replaced == nil {
			m.kept, first = x.kept, x.key
			continue
		}
		if !slices.EqualFunc(x.kept, m.kept, sameColumn) {
			return m.wrong("its parts %s and %s keep different columns: %s, and %s", first, x.key, names(m.kept), names(x.kept))
		}
		m.closed[i].kept = nil // 4,000 times the same
	}
	return nil
}

func survey(ctx context.Context, out pipeline.Store, key string) (part, error) {
	o, err := openManifest(ctx, out, key, tailSize)
	if err != nil {
		return part{}, err
	}
	defer o.close()
	x := part{key: key, first: math.MaxInt64, rows: o.footer.rows, kept: o.columns[fixedColumns:]}
	for _, g := range o.footer.groups {
		least := int64(math.MinInt64) // not known: it is opened first
		if b := o.footer.chunk(g, o.columns[colRow]).MetaData.Statistics.MinValue; len(b) == 8 {
			least = int64(binary.LittleEndian.Uint64(b))
		}
		x.first = min(x.first, least)
	}
	return x, nil
}

// step writes the next row.
func (m *merge) step() error {
	for len(m.closed) > 0 && m.closed[0].first <= m.next {
		if err := m.enter(m.closed[0]); err != nil {
			return err
		}
		m.closed = m.closed[1:]
	}
	i := -1
	for k, x := range m.open {
		if i < 0 || x.row() < m.open[i].row() {
			i = k
		}
	}
	if i < 0 || m.open[i].row() > m.next {
		return m.wrong("row %d is in none of its parts", m.next)
	}
	x := m.open[i]
	if x.row() < m.next {
		if x.row() < m.p.First {
			return m.wrong("row %d of part %s is none of its rows, %d to %d", x.row(), x.src.key, m.p.First, m.p.End()-1)
		}
		return m.wrong("row %d is there twice, once in part %s", x.row(), x.src.key)
	}
	if err := m.w.write(x.values); err != nil {
		return err
	}
	m.counts.Add(counted(x.values))
	m.next++
	if m.advance(x) {
		return nil
	}
	m.open = slices.Delete(m.open, i, i+1)
	x.close()
	return x.err
}

// advance reads the next row of x; of the manifest that is replaced, the next
// one that is not done again.
func (m *merge) advance(x *manifest) bool {
	for x.next() {
		if x != m.replaced || !m.p.Redo.Rows.Contain(x.row()) {
			return true
		}
	}
	return false
}

// replace opens the manifest that a redo replaces.
func (m *merge) replace() error {
	x, err := openReplaced(m.ctx, m.out, m.p)
	if err != nil {
		return err
	}
	m.replaced, m.kept = x, x.columns[fixedColumns:]
	x.start(len(x.columns))
	if m.advance(x) {
		m.open = append(m.open, x)
		return nil
	}
	x.close()
	return x.err
}

// enter opens a part and reads its first row.
func (m *merge) enter(p part) error {
	if p.rows == 0 {
		return nil
	}
	x, err := openManifest(m.ctx, m.out, p.key, wholeSize)
	if err != nil {
		return err
	}
	m.open = append(m.open, x)
	x.start(len(x.columns))
	x.next()
	return x.err
}

// finish checks that no row is left, and ends the manifest.
func (m *merge) finish() error {
	for _, x := range m.open {
		return m.wrong("row %d of part %s is there twice, or is none of its rows, %d to %d", x.row(), x.src.key, m.p.First, m.p.End()-1)
	}
	for _, x := range m.closed {
		if x.rows > 0 {
			return m.wrong("part %s begins with row %d, which is none of its rows, %d to %d", x.key, x.first, m.p.First, m.p.End()-1)
		}
	}
	p := m.p
	p.Redo = nil
	if err := errors.Join(m.note(notePartition, p), m.note(noteCounts, m.counts)); err != nil {
		return err
	}
	if r := m.p.Redo; r != nil {
		if err := m.note(noteRedo, r.ID); err != nil {
			return err
		}
	}
	return m.w.close()
}

// note puts a key-value into the manifest's footer. The order of the keys in v
// is json's, which is fixed.
func (m *merge) note(key string, v any) error {
	b, err := json.Marshal(v)
	m.w.note(key, string(b))
	return err
}

func (m *merge) close() {
	for _, x := range m.open {
		x.close()
	}
}

func (m *merge) wrong(format string, args ...any) error {
	return &pipeline.FileError{File: m.p.ManifestKey(), Problem: fmt.Sprintf(format, args...)}
}

// sameColumn is whether two parts' columns are one in the manifest.
func sameColumn(a, b column) bool { return sameType(a.element, b.element) }
