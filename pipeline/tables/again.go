package tables

import (
	"context"
	"iter"
	"slices"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// again is a partition whose rows are read from its manifest, to be done again.
type again struct {
	p      pipeline.Partition
	m      *manifest
	schema *schema
}

// Reopen implements pipeline.Tables. A manifest of another version than p.Redo
// says is a *pipeline.FileError.
func (*Tables) Reopen(ctx context.Context, out pipeline.Store, p pipeline.Partition) (pipeline.Table, error) {
	m, err := openReplaced(ctx, out, p)
	if err != nil {
		return nil, err
	}
	kept := m.columns[fixedColumns:]
	return &again{p: p, m: m, schema: newSchema(kept, namesOf(kept))}, nil
}

// openReplaced opens the manifest that a redo replaces.
func openReplaced(ctx context.Context, out pipeline.Store, p pipeline.Partition) (*manifest, error) {
	m, err := openManifest(ctx, out, p.ManifestKey(), wholeSize)
	if err != nil {
		return nil, err
	}
	if is := m.src.r.Object().Version; is != p.Redo.Manifest {
		m.close()
		return nil, m.src.damaged("it was replaced while rows of it were done again: its version was %s, and is %s", p.Redo.Manifest, is)
	}
	return m, nil
}

// Rows implements pipeline.Table.
func (a *again) Rows(_ context.Context, want pipeline.Runs) iter.Seq2[pipeline.Row, error] {
	return func(yield func(pipeline.Row, error) bool) {
		// The source and the kept columns, in the form of a table's.
		columns := slices.Concat(a.m.columns[fixedColumns:], a.m.columns[colSource:colSource+1])
		t := &table{p: a.p, columns: columns, kept: len(columns) - 1, source: len(columns) - 1}
		r := newReader(a.m.src, a.m.footer, columns)
		defer r.close()
		values := make([]parquet.Value, len(columns))
		for n := range t.within(want) {
			// A manifest has its partition's rows in their order, each once.
			if err := r.read(n-a.p.First, values); err != nil {
				yield(pipeline.Row{}, err)
				return
			}
			if !yield(t.row(n, values), nil) {
				return
			}
		}
	}
}

// EncodePart implements pipeline.Table.
func (a *again) EncodePart(outcomes []pipeline.Outcome) ([]byte, error) {
	return encodePart(a.p, a.schema, outcomes)
}

// Close implements pipeline.Table.
func (a *again) Close() error { return a.m.src.close() }
