package tables

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// table is a partition open for reading. Rows and EncodePart may run at the
// same time.
type table struct {
	dataset pipeline.Store
	p       pipeline.Partition
	src     *object
	// columns are those that are read: the kept ones, then the source if it is
	// not kept itself.
	columns []column
	kept    int // of columns
	source  int // in columns; -1 if sources stand where images could
	images  *images
	footer  *footer
	schema  *schema // of parts
}

// Open implements pipeline.Tables. Every problem of the file is a
// *pipeline.FileError: another version than p was planned on, columns of spec
// that it lacks or whose type does not fit, fewer rows than p has.
func (*Tables) Open(ctx context.Context, dataset pipeline.Store, p pipeline.Partition, spec pipeline.Spec) (pipeline.Table, error) {
	src, err := openInput(ctx, dataset, p.File, p.Version)
	if err != nil {
		return nil, err
	}
	t := &table{dataset: dataset, p: p, src: src}
	if err := t.open(spec); err != nil {
		_ = src.close() // err says more
		return nil, err
	}
	return t, nil
}

func (t *table) open(spec pipeline.Spec) error {
	f, err := readFooter(t.src)
	if err != nil {
		return err
	}
	if err := t.choose(f.columns, spec); err != nil {
		return t.src.damaged("%v", err)
	}
	if t.p.First < 0 || t.p.Rows < 0 || t.p.Rows > f.rows-t.p.First {
		return t.src.damaged("it has %d rows, and the partition is rows %d to %d", f.rows, t.p.First, t.p.End()-1)
	}
	t.schema = newSchema(t.columns[:t.kept], keptNames(t.columns[:t.kept]))
	t.footer = f
	return nil
}

// choose picks the columns to read.
func (t *table) choose(columns []column, spec pipeline.Spec) error {
	source, err := find(columns, spec.Column)
	if err != nil {
		return err
	}
	switch {
	// A plan of before images could be in the file took plain bytes for text.
	case t.p.Embedded && source.images() != nil:
		t.images = source.images()
	case !source.source():
		return fmt.Errorf("its column %q is of type %s, and %s", source.name, source.typ, sourceKinds)
	}
	if spec.KeepColumns == nil {
		for _, c := range columns {
			if c.scalar && (t.images == nil || c.leaf != source.leaf) {
				t.columns = append(t.columns, c)
			}
		}
	}
	for _, name := range spec.KeepColumns {
		c, err := find(columns, name)
		if err != nil {
			return err
		}
		if t.images != nil && c.name == source.name {
			return fmt.Errorf("its column %q holds the images themselves, and cannot be kept", c.name)
		}
		if !c.scalar {
			return fmt.Errorf("its column %q is of type %s, and only scalar columns can be kept", c.name, c.typ)
		}
		if !slices.ContainsFunc(t.columns, func(k column) bool { return k.leaf == c.leaf }) {
			t.columns = append(t.columns, c)
		}
	}
	t.kept = len(t.columns)
	if t.images != nil {
		if t.images.path == nil {
			t.source = -1
			return nil
		}
		source = *t.images.path
	}
	t.source = slices.IndexFunc(t.columns, func(k column) bool { return k.leaf == source.leaf })
	if t.source < 0 {
		t.source = t.kept
		t.columns = append(t.columns, source)
	}
	return nil
}

// Close implements pipeline.Table.
func (t *table) Close() error { return t.src.close() }

const (
	// A batch is what is read between two comparisons of the file's version, and
	// so what is held of rows that nobody has taken yet: ten seconds' work at
	// 100 images a second for one small request.
	batchRows  = 1024
	batchBytes = 4 << 20
)

// Rows implements pipeline.Table. Rows are read in batches of 1,024 or 4 MB;
// what is held besides is a page of each column, and of a column of images what
// blobs says. A large image is not read with its batch: its row comes alone.
func (t *table) Rows(ctx context.Context, want pipeline.Runs) iter.Seq2[pipeline.Row, error] {
	return func(yield func(pipeline.Row, error) bool) {
		r, images := newReader(t.src, t.footer, t.columns), t.newImageReader()
		defer r.close()
		defer images.close()
		b := batch{table: t, yield: yield}
		values := make([]parquet.Value, len(t.columns))
		for n := range t.within(want) {
			if err := r.read(n, values); err != nil {
				yield(pipeline.Row{}, t.explain(ctx, err))
				return
			}
			row := t.row(n, values)
			size, alone, err := images.into(&row)
			if err != nil {
				yield(pipeline.Row{}, t.explain(ctx, err))
				return
			}
			if alone && !b.flush(ctx) {
				return
			}
			b.rows, b.size = append(b.rows, row), b.size+row.Size+size
			if alone || len(b.rows) == batchRows || b.size >= batchBytes {
				if !b.flush(ctx) {
					return
				}
			}
		}
		b.flush(ctx)
	}
}

// batch is rows that have been read, and may not be yielded yet.
type batch struct {
	table *table
	yield func(pipeline.Row, error) bool
	rows  []pipeline.Row
	size  int // bytes that they hold
}

// flush yields the batch, if the file is still the same. It is false if no row
// is wanted any more.
func (b *batch) flush(ctx context.Context) bool {
	if len(b.rows) == 0 {
		return true
	}
	if err := b.table.unchanged(ctx); err != nil {
		b.yield(pipeline.Row{}, err)
		return false
	}
	for i, row := range b.rows {
		b.rows[i] = pipeline.Row{} // it belongs to whoever takes it
		if !b.yield(row, nil) {
			return false
		}
	}
	b.rows, b.size = b.rows[:0], 0
	return true
}

// within yields the rows in want that are the partition's.
func (t *table) within(want pipeline.Runs) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, run := range want {
			for n := max(run.First, t.p.First); n < min(run.End(), t.p.End()); n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// unchanged compares the file's version with the partition's.
func (t *table) unchanged(ctx context.Context) error {
	obj, err := t.dataset.Stat(ctx, t.p.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.src.damaged("it changed while the run was reading it: it is gone")
	case err != nil:
		return err
	case obj.Version != t.p.Version:
		return t.src.damaged("it changed while the run was reading it: its version was %s, and is %s", t.p.Version, obj.Version)
	}
	return nil
}

// explain prefers, to a file's being damaged, that it changed meanwhile.
func (t *table) explain(ctx context.Context, err error) error {
	var damaged *pipeline.FileError
	if errors.As(err, &damaged) {
		if changed := t.unchanged(ctx); changed != nil {
			return changed
		}
	}
	return err
}
