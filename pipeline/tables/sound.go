package tables

import "encoding/binary"

// sound walks the struct at the start of b, in Thrift's compact protocol, in
// which footers, page headers and indexes are written. It returns the struct's
// length, and whether it is whole, nests no deeper than Parquet does, and has
// lists no longer than their bytes. parquet-go makes lists as long as they claim
// to be and recurses as deep as the input nests; no recover helps against either.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
func sound(b []byte) (n int, ok bool) {
	w := walker{b: b}
	w.value(tStruct, 0)
	return len(b) - len(w.b), !w.bad
}

const (
	// maxDepth is more than twice what Parquet's own structures nest.
	maxDepth = 16
	// maxStructs bounds what decoding makes of structs that are empty but for
	// their ends, 700 bytes each at most. A column chunk has four: this is 10,000
	// row groups of 25 columns.
	maxStructs = 1 << 20
)

// Types of the compact protocol.
const (
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
	tUUID   = 13
)

// walker passes over values. Once something is bad, it stands still.
type walker struct {
	b       []byte // still to come
	structs int
	bad     bool
}

func (w *walker) fail() { w.b, w.bad = nil, true }

func (w *walker) take(n uint64) []byte {
	if n > uint64(len(w.b)) {
		w.fail()
		return nil
	}
	b := w.b[:n]
	w.b = w.b[n:]
	return b
}

func (w *walker) byte() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (w *walker) uvarint() uint64 {
	v, n := binary.Uvarint(w.b)
	if n <= 0 {
		w.fail()
		return 0
	}
	w.b = w.b[n:]
	return v
}

func (w *walker) value(typ byte, depth int) {
	if depth > maxDepth {
		w.fail()
	}
	if w.bad {
		return
	}
	switch typ {
	case tTrue, tFalse: // as a field: the type is the value
	case tByte:
		w.take(1)
	case tI16, tI32, tI64:
		w.uvarint()
	case tDouble:
		w.take(8)
	case tBinary:
		w.take(w.uvarint())
	case tUUID:
		w.take(16)
	case tList, tSet:
		h := w.byte()
		n := uint64(h >> 4)
		if n == 15 {
			n = w.uvarint()
		}
		for ; n > 0 && !w.bad; n-- {
			w.element(h&0xf, depth)
		}
	case tMap:
		n := w.uvarint()
		if n == 0 {
			return
		}
		types := w.byte()
		for ; n > 0 && !w.bad; n-- {
			w.element(types>>4, depth)
			w.element(types&0xf, depth)
		}
	case tStruct:
		if w.structs++; w.structs > maxStructs {
			w.fail()
		}
		for !w.bad {
			h := w.byte()
			if h == 0 { // the end
				return
			}
			if h>>4 == 0 { // the id does not fit beside the type
				w.uvarint()
			}
			w.value(h&0xf, depth+1)
		}
	default:
		w.fail()
	}
}

// element is a value in a list or map, where a boolean has a byte of its own.
func (w *walker) element(typ byte, depth int) {
	if typ == tTrue || typ == tFalse {
		typ = tByte
	}
	w.value(typ, depth+1)
}
