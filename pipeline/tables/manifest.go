package tables

import (
	"math"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// The columns of a manifest, in their order. The reference is in doc.go.
const (
	colFile = iota
	colRow
	colSource
	colStatus
	colErrorClass
	colError
	colHTTPStatus
	colKey
	colFormat
	colWidth
	colHeight
	colBytes
	colSHA256
	colSourceFormat
	colSourceWidth
	colSourceHeight
	colSourceBytes
	colAttempts
	colFetch
	colProcess
	colStore
	colFinalURL
	fixedColumns // the kept columns come after these
)

// fixed are the columns that every manifest has. Words from short lists are
// written by way of a dictionary.
var fixed = [fixedColumns]struct {
	name string
	node parquet.Node
}{
	colFile:         {"file", word()},
	colRow:          {"row", parquet.Leaf(parquet.Int64Type)},
	colSource:       {"source", parquet.Optional(parquet.String())},
	colStatus:       {"status", word()},
	colErrorClass:   {"error_class", parquet.Optional(word())},
	colError:        {"error", parquet.Optional(parquet.String())},
	colHTTPStatus:   {"http_status", parquet.Optional(parquet.Leaf(parquet.Int32Type))},
	colKey:          {"key", parquet.Optional(parquet.String())},
	colFormat:       {"format", parquet.Optional(word())},
	colWidth:        {"width", parquet.Optional(parquet.Leaf(parquet.Int32Type))},
	colHeight:       {"height", parquet.Optional(parquet.Leaf(parquet.Int32Type))},
	colBytes:        {"bytes", parquet.Optional(parquet.Leaf(parquet.Int64Type))},
	colSHA256:       {"sha256", parquet.Optional(parquet.String())},
	colSourceFormat: {"source_format", parquet.Optional(word())},
	colSourceWidth:  {"source_width", parquet.Optional(parquet.Leaf(parquet.Int32Type))},
	colSourceHeight: {"source_height", parquet.Optional(parquet.Leaf(parquet.Int32Type))},
	colSourceBytes:  {"source_bytes", parquet.Optional(parquet.Leaf(parquet.Int64Type))},
	colAttempts:     {"attempts", parquet.Leaf(parquet.Int32Type)},
	colFetch:        {"fetch_ms", parquet.Optional(parquet.Leaf(parquet.DoubleType))},
	colProcess:      {"process_ms", parquet.Optional(parquet.Leaf(parquet.DoubleType))},
	colStore:        {"store_ms", parquet.Optional(parquet.Leaf(parquet.DoubleType))},
	colFinalURL:     {"final_url", parquet.Optional(parquet.String())},
}

func word() parquet.Node { return parquet.Encoded(parquet.String(), &parquet.RLEDictionary) }

// fixedValues fills dst with the fixed columns of a row.
func fixedValues(dst []parquet.Value, file string, o pipeline.Outcome) {
	clear(dst[:fixedColumns]) // nulls
	dst[colFile] = str(file)
	dst[colRow] = parquet.Int64Value(o.Row)
	if o.Source != nil {
		dst[colSource] = str(*o.Source)
	}
	dst[colStatus] = str(string(o.Status))
	dst[colErrorClass] = orNull(string(o.Class), str)
	dst[colError] = orNull(o.Message, str)
	dst[colHTTPStatus] = orNull(o.HTTPStatus, i32)
	if o.Status == pipeline.OK {
		dst[colKey] = str(o.Key)
		dst[colFormat] = str(o.Format)
		dst[colWidth] = i32(o.Width)
		dst[colHeight] = i32(o.Height)
		dst[colBytes] = parquet.Int64Value(o.Bytes)
		dst[colSHA256] = str(o.SHA256)
	}
	dst[colSourceFormat] = orNull(o.SourceFormat, str)
	dst[colSourceWidth] = orNull(o.SourceWidth, i32)
	dst[colSourceHeight] = orNull(o.SourceHeight, i32)
	dst[colSourceBytes] = orNull(o.SourceBytes, parquet.Int64Value)
	dst[colAttempts] = i32(o.Attempts)
	dst[colFetch] = orNull(o.FetchTime, ms)
	dst[colProcess] = orNull(o.ProcessTime, ms)
	dst[colStore] = orNull(o.StoreTime, ms)
	dst[colFinalURL] = orNull(o.FinalURL, str)
}

// outcome is the inverse of fixedValues.
func outcome(v []parquet.Value) pipeline.Outcome {
	o := pipeline.Outcome{
		Row:          v[colRow].Int64(),
		Status:       pipeline.Status(goString(v[colStatus])),
		Class:        pipeline.Class(goString(v[colErrorClass])),
		Message:      goString(v[colError]),
		HTTPStatus:   int(v[colHTTPStatus].Int32()),
		Key:          goString(v[colKey]),
		Format:       goString(v[colFormat]),
		Width:        int(v[colWidth].Int32()),
		Height:       int(v[colHeight].Int32()),
		Bytes:        v[colBytes].Int64(),
		SHA256:       goString(v[colSHA256]),
		SourceFormat: goString(v[colSourceFormat]),
		SourceWidth:  int(v[colSourceWidth].Int32()),
		SourceHeight: int(v[colSourceHeight].Int32()),
		SourceBytes:  v[colSourceBytes].Int64(),
		Attempts:     int(v[colAttempts].Int32()),
		FetchTime:    duration(v[colFetch]),
		ProcessTime:  duration(v[colProcess]),
		StoreTime:    duration(v[colStore]),
		FinalURL:     goString(v[colFinalURL]),
	}
	if !v[colSource].IsNull() {
		s := goString(v[colSource])
		o.Source = &s
	}
	return o
}

// counted is as much of outcome as pipeline.Counts needs.
func counted(v []parquet.Value) pipeline.Outcome {
	return pipeline.Outcome{
		Status:      pipeline.Status(goString(v[colStatus])),
		Class:       pipeline.Class(goString(v[colErrorClass])),
		Bytes:       v[colBytes].Int64(),
		SourceBytes: v[colSourceBytes].Int64(),
	}
}

// orNull is a null for a zero, which stands for "does not apply".
func orNull[T comparable](x T, value func(T) parquet.Value) parquet.Value {
	var zero T
	if x == zero {
		return parquet.NullValue()
	}
	return value(x)
}

func i32(n int) parquet.Value { return parquet.Int32Value(int32(min(n, math.MaxInt32))) }

func ms(d time.Duration) parquet.Value { return parquet.DoubleValue(float64(d) / 1e6) }

func duration(v parquet.Value) time.Duration { return time.Duration(math.Round(v.Double() * 1e6)) }

// goString copies a string out of its page; of a null it is "".
func goString(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	return string(v.ByteArray())
}
