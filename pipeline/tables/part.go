package tables

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// EncodePart implements pipeline.Table.
func (t *table) EncodePart(outcomes []pipeline.Outcome) ([]byte, error) {
	var b bytes.Buffer
	w := newWriter(&b, t.schema, partCodec)
	values := make([]parquet.Value, fixedColumns+t.kept)
	for i, o := range outcomes {
		if i > 0 && o.Row <= outcomes[i-1].Row {
			return nil, fmt.Errorf("part of %s: row %d after row %d", t.p.Name, o.Row, outcomes[i-1].Row)
		}
		columns, ok := o.Columns.(kept)
		if !ok || len(columns) != t.kept {
			return nil, fmt.Errorf("part of %s: row %d does not carry the columns that it was read with", t.p.Name, o.Row)
		}
		fixedValues(values, t.p.File, o)
		copy(values[fixedColumns:], columns)
		if err := w.write(values); err != nil {
			return nil, err
		}
	}
	if err := w.close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
