package tables

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// Keys of a manifest's footer. Their values are JSON.
const (
	notePartition = ours + "partition"
	noteCounts    = ours + "counts"
	noteRedo      = ours + "redo" // where there was one
)

// Summary implements pipeline.Tables. It reads the footer only. What is no
// manifest is a *pipeline.FileError; one that is missing is fs.ErrNotExist.
func (*Tables) Summary(ctx context.Context, out pipeline.Store, key string) (pipeline.ManifestSummary, error) {
	o, err := openObject(ctx, out, key, tailSize)
	if err != nil {
		return pipeline.ManifestSummary{}, err
	}
	defer o.close()
	f, err := readFooter(o)
	if err != nil {
		return pipeline.ManifestSummary{}, err
	}
	s := pipeline.ManifestSummary{Version: o.r.Object().Version}
	err = errors.Join(
		json.Unmarshal([]byte(f.notes[notePartition]), &s.Partition),
		json.Unmarshal([]byte(f.notes[noteCounts]), &s.Counts))
	if redo, ok := f.notes[noteRedo]; ok {
		err = errors.Join(err, json.Unmarshal([]byte(redo), &s.Redo))
	}
	if err != nil {
		return pipeline.ManifestSummary{}, o.damaged("it is no manifest: %s or %s is missing in its footer, or damaged", notePartition, noteCounts)
	}
	return s, nil
}

// Scan implements pipeline.Tables; its errors are as Summary's.
func (*Tables) Scan(ctx context.Context, out pipeline.Store, key string) iter.Seq2[pipeline.Outcome, error] {
	return func(yield func(pipeline.Outcome, error) bool) {
		m, err := openManifest(ctx, out, key, wholeSize)
		if err != nil {
			yield(pipeline.Outcome{}, err)
			return
		}
		defer m.close()
		m.start(fixedColumns)
		for m.next() {
			if !yield(outcome(m.values), nil) {
				return
			}
		}
		if m.err != nil {
			yield(pipeline.Outcome{}, m.err)
		}
	}
}

// manifest is a manifest or a part, open for reading.
type manifest struct {
	src     *object
	footer  *footer
	columns []column

	reader *reader
	at     int64 // of the row after the current one
	values []parquet.Value
	err    error
}

// wholeSize is the size up to which a file is read in one request: most parts,
// and many manifests.
const wholeSize = 1 << 20

// openManifest opens a manifest or part and checks that it is one.
func openManifest(ctx context.Context, out pipeline.Store, key string, tail int64) (*manifest, error) {
	src, err := openObject(ctx, out, key, tail)
	if err != nil {
		return nil, err
	}
	m := &manifest{src: src}
	if err := m.check(); err != nil {
		_ = src.close() // err says more
		return nil, err
	}
	return m, nil
}

func (m *manifest) check() (err error) {
	if m.footer, err = readFooter(m.src); err != nil {
		return err
	}
	m.columns = m.footer.columns
	for i, want := range fixed {
		if i >= len(m.columns) {
			return m.src.damaged("it is no manifest: it has no column %q", want.name)
		}
		c := m.columns[i]
		if c.name != want.name || !c.scalar || c.kind() != want.node.Type().Kind() || c.optional() != want.node.Optional() {
			return m.src.damaged("it is no manifest: column %d is %q of type %s, and should be %q", i, c.name, c.typ, want.name)
		}
	}
	for _, c := range m.columns[fixedColumns:] {
		if !c.scalar {
			return m.src.damaged("it is no manifest: column %q is of type %s", c.name, c.typ)
		}
	}
	return nil
}

// start prepares to read the first n columns.
func (m *manifest) start(n int) {
	m.reader = newReader(m.src, m.footer, m.columns[:n])
	m.values = make([]parquet.Value, n)
}

// next reads the next row, if there is one and no error.
func (m *manifest) next() bool {
	if m.err != nil || m.at >= m.footer.rows {
		return false
	}
	m.err = m.reader.read(m.at, m.values)
	m.at++
	return m.err == nil
}

func (m *manifest) row() int64 { return m.values[colRow].Int64() }

func (m *manifest) close() {
	if m.reader != nil {
		m.reader.close()
	}
	_ = m.src.close() // it was only read
}
