package tables

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// EncodePart implements pipeline.Table.
func (t *table) EncodePart(outcomes []pipeline.Outcome) ([]byte, error) {
	return encodePart(t.p, t.schema, outcomes)
}

func encodePart(p pipeline.Partition, s *schema, outcomes []pipeline.Outcome) ([]byte, error) {
	var b bytes.Buffer
	w := newWriter(&b, s, partCodec)
	values := make([]parquet.Value, len(s.optional))
	for i, o := range outcomes {
		if i > 0 && o.Row <= outcomes[i-1].Row {
			return nil, fmt.Errorf("part of %s: row %d after row %d", p.Name, o.Row, outcomes[i-1].Row)
		}
		columns, ok := o.Columns.(kept)
		if !ok || fixedColumns+len(columns) != len(values) {
			return nil, fmt.Errorf("part of %s: row %d does not carry the columns that it was read with", p.Name, o.Row)
		}
		fixedValues(values, p.File, o)
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
