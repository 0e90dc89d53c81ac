package tables

import (
	"context"

	"sluice/pipeline"
)

// Tables is pipeline.Tables over Parquet files. It holds nothing, and is safe
// for concurrent use.
type Tables struct{}

// New returns a Tables.
func New() *Tables { return &Tables{} }

var _ pipeline.Tables = (*Tables)(nil)

// Inspect reads the footer of a dataset's file, and nothing else of it. It is a
// *pipeline.FileError if the file is no longer the one that was listed, too.
func (*Tables) Inspect(ctx context.Context, dataset pipeline.Store, file pipeline.Object) (pipeline.FileInfo, error) {
	o, err := openInput(ctx, dataset, file.Key, file.Version)
	if err != nil {
		return pipeline.FileInfo{}, err
	}
	defer o.close()
	f, err := readFooter(o)
	if err != nil {
		return pipeline.FileInfo{}, err
	}
	info := pipeline.FileInfo{Rows: f.rows, OffsetIndex: true}
	for _, c := range f.columns {
		info.Columns = append(info.Columns, pipeline.ColumnInfo{Name: c.name, Type: c.typ, Source: c.source(), Scalar: c.scalar, Embedded: c.images() != nil})
	}
	for _, g := range f.groups {
		info.RowGroups = append(info.RowGroups, g.rows)
		for _, c := range f.columns {
			info.OffsetIndex = info.OffsetIndex && (!c.scalar || g.rows == 0 || f.indexed(g, c))
		}
	}
	return info, nil
}
