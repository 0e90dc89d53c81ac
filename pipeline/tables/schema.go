package tables

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// column is a top-level column of a file.
type column struct {
	name    string
	leaf    int    // of its values among all leaves; of its first one if it nests
	typ     string // as FileInfo shows it
	scalar  bool   // one value a row, or null
	element format.SchemaElement
	depth   int      // the definition level of a value that is there
	fields  []column // of a struct: those that are scalar
}

// kind is the physical type of a scalar column.
func (c column) kind() parquet.Kind { return parquet.Kind(c.element.Type.V) }

// optional is whether the column can hold nulls.
func (c column) optional() bool { return c.element.RepetitionType.V == format.Optional }

// source is whether the column's values can be URLs or keys.
func (c column) source() bool {
	return c.scalar && c.kind() == parquet.ByteArray && (text(c.element) || plainBytes(c.element))
}

// topLevel finds the top-level columns in a schema, which is a tree in
// depth-first order, and counts its leaves.
func topLevel(schema []format.SchemaElement) (columns []column, leaves int, err error) {
	bad := errors.New("has a damaged schema")
	if len(schema) == 0 {
		return nil, 0, bad
	}
	rest := schema[1:]
	for len(rest) > 0 {
		c := newColumn(rest[0], leaves, 0)
		under, n, ok := subtree(rest)
		if !ok {
			return nil, 0, bad
		}
		if c.typ == "struct" {
			c.fields = fieldsOf(under, c)
		}
		columns = append(columns, c)
		leaves += n
		rest = rest[len(under)+1:]
	}
	if int(schema[0].NumChildren.V) != len(columns) {
		return nil, 0, bad
	}
	return columns, leaves, nil
}

// newColumn is the column of e under one of a depth.
func newColumn(e format.SchemaElement, leaf, depth int) column {
	c := column{name: e.Name, leaf: leaf, typ: typeName(e), scalar: isScalar(e), element: e, depth: depth}
	if c.optional() {
		c.depth++
	}
	return c
}

// subtree is what stands under the first node of a schema, and how many leaves
// the node has, itself among them.
func subtree(schema []format.SchemaElement) (under []format.SchemaElement, leaves int, ok bool) {
	rest := schema
	for open := int64(1); open > 0; rest = rest[1:] { // the nodes still to come
		if len(rest) == 0 {
			return nil, 0, false
		}
		open--
		if rest[0].Type.Valid {
			leaves++
		} else if n := rest[0].NumChildren.V; n >= 0 {
			open += int64(n)
		}
	}
	return schema[1 : len(schema)-len(rest)], leaves, true
}

// fieldsOf are the scalar fields of the struct c, under which is what is given.
func fieldsOf(under []format.SchemaElement, c column) (fields []column) {
	leaf := c.leaf
	for len(under) > 0 {
		f := newColumn(under[0], leaf, c.depth)
		below, n, _ := subtree(under) // under is whole
		if f.scalar {
			fields = append(fields, f)
		}
		leaf += n
		under = under[len(below)+1:]
	}
	return fields
}

// isScalar is whether a column holds one value a row of a known physical type.
// parquet-go writes fixed lengths up to 32,767 bytes.
func isScalar(e format.SchemaElement) bool {
	if !e.Type.Valid || e.Type.V < format.Boolean || e.Type.V > format.FixedLenByteArray || e.RepetitionType.V == format.Repeated {
		return false
	}
	return e.Type.V != format.FixedLenByteArray || (e.TypeLength.V > 0 && e.TypeLength.V <= math.MaxInt16)
}

// text is whether the column's bytes are UTF-8 by their declaration.
func text(e format.SchemaElement) bool {
	switch e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return true
	case nil:
		switch c := e.ConvertedType; c.V {
		case deprecated.UTF8, deprecated.Enum, deprecated.Json:
			return c.Valid
		}
	}
	return false
}

// plainBytes is whether nothing is declared about the column's bytes.
func plainBytes(e format.SchemaElement) bool {
	return e.LogicalType.Value == nil && !e.ConvertedType.Valid
}

// convertedNames name the converted types, which older files have in place of
// logical ones.
var convertedNames = [...]string{
	"string", "map", "map", "list", "enum", "decimal", "date", "time(millis)", "time(micros)",
	"timestamp(millis, utc)", "timestamp(micros, utc)", "uint8", "uint16", "uint32", "uint64",
	"int8", "int16", "int32", "int64", "json", "bson", "interval",
}

// typeName names a column's type in Parquet's words, in lower case.
func typeName(e format.SchemaElement) string {
	if e.RepetitionType.V == format.Repeated {
		return "list"
	}
	if t := decimal(e); t != nil {
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	}
	switch t := e.LogicalType.Value.(type) {
	case nil:
	case *format.TimestampType:
		return "timestamp(" + unit(t.Unit, t.IsAdjustedToUTC) + ")"
	case *format.TimeType:
		return "time(" + unit(t.Unit, t.IsAdjustedToUTC) + ")"
	case *format.IntType:
		if t.IsSigned {
			return fmt.Sprintf("int%d", t.BitWidth)
		}
		return fmt.Sprintf("uint%d", t.BitWidth)
	default:
		return strings.ToLower(t.String())
	}
	switch c := e.ConvertedType; {
	case c.Valid && c.V >= 0 && int(c.V) < len(convertedNames):
		return convertedNames[c.V]
	case !e.Type.Valid:
		return "struct"
	case e.Type.V == format.FixedLenByteArray:
		return fmt.Sprintf("fixed_len_byte_array(%d)", e.TypeLength.V)
	}
	return strings.ToLower(e.Type.V.String())
}

func unit(u format.TimeUnit, utc bool) string {
	s := strings.ToLower(u.String())
	if utc {
		s += ", utc"
	}
	return s
}

// decimal is the column's decimal type, by either declaration, or nil.
func decimal(e format.SchemaElement) *format.DecimalType {
	if t, ok := e.LogicalType.Value.(*format.DecimalType); ok {
		return t
	}
	if c := e.ConvertedType; e.LogicalType.Value == nil && c.Valid && c.V == deprecated.Decimal {
		return &format.DecimalType{Scale: e.Scale.V, Precision: e.Precision.V}
	}
	return nil
}

// namesOf are the columns' names.
func namesOf(columns []column) []string {
	s := make([]string, len(columns))
	for i, c := range columns {
		s[i] = c.name
	}
	return s
}

// names lists columns for a message.
func names(columns []column) string {
	const shown = 30
	var s []string
	for i, c := range columns {
		if i == shown {
			s = append(s, fmt.Sprintf("and %d more", len(columns)-shown))
			break
		}
		s = append(s, c.name)
	}
	return strings.Join(s, ", ")
}
