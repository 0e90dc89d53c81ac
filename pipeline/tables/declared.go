package tables

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// declared is a kept column's type, declared in the manifest as it was in the
// input, word for word. By itself parquet-go would lose FLOAT16, and it cannot
// write columns of the NULL type.
type declared struct {
	parquet.Type // how values are held and compared
	element      format.SchemaElement
}

// declare makes the node of a kept column.
func declare(e format.SchemaElement) parquet.Node {
	node := parquet.Leaf(&declared{physical(e), e})
	if e.RepetitionType.V == format.Optional {
		node = parquet.Optional(node)
	}
	return node
}

// physical is the type that holds a column's values. Unsigned integers need one
// of their own, for their statistics are in another order.
func physical(e format.SchemaElement) parquet.Type {
	unsigned := false
	if t, ok := e.LogicalType.Value.(*format.IntType); ok {
		unsigned = !t.IsSigned
	} else if c := e.ConvertedType; e.LogicalType.Value == nil && c.Valid {
		unsigned = c.V >= deprecated.Uint8 && c.V <= deprecated.Uint64
	}
	switch e.Type.V {
	case format.Boolean:
		return parquet.BooleanType
	case format.Int32:
		if unsigned {
			return parquet.Uint(32).Type()
		}
		return parquet.Int32Type
	case format.Int64:
		if unsigned {
			return parquet.Uint(64).Type()
		}
		return parquet.Int64Type
	case format.Int96:
		return parquet.Int96Type
	case format.Float:
		return parquet.FloatType
	case format.Double:
		return parquet.DoubleType
	case format.FixedLenByteArray:
		return parquet.FixedLenByteArrayType(int(e.TypeLength.V))
	}
	return parquet.ByteArrayType
}

// LogicalType implements parquet.Type. Geometries are kept as the bytes that
// they are: parquet-go would parse each, to sum up where they lie.
func (t *declared) LogicalType() *format.LogicalType {
	switch t.element.LogicalType.Value.(type) {
	case *format.GeometryType, *format.GeographyType:
		return nil
	case nil:
		if d := decimal(t.element); d != nil {
			return &format.LogicalType{Value: d}
		}
		return nil
	}
	return &t.element.LogicalType
}

// ConvertedType implements parquet.Type.
func (t *declared) ConvertedType() *deprecated.ConvertedType {
	if !t.element.ConvertedType.Valid {
		return nil
	}
	return &t.element.ConvertedType.V
}

// NewColumnIndexer implements parquet.Type.
func (t *declared) NewColumnIndexer(sizeLimit int) parquet.ColumnIndexer {
	if unordered(t.element) {
		return &wideIndex{element: t.element}
	}
	return t.Type.NewColumnIndexer(sizeLimit)
}

// NewColumnBuffer implements parquet.Type.
func (t *declared) NewColumnBuffer(column, values int) parquet.ColumnBuffer {
	b := t.Type.NewColumnBuffer(column, values)
	if float16(t.element) {
		return halves{b, t.element}
	}
	return b
}
