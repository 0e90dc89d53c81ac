package imaging

import (
	"encoding/binary"
	"iter"
)

// isoBox is a box of an ISO base media file: ISO/IEC 14496-12, section 4.2.
type isoBox struct {
	kind  string
	body  []byte
	whole bool // or it reaches beyond the end, and body is what there is
}

// boxes yields the boxes of a file, or those within a box.
func boxes(data []byte) iter.Seq[isoBox] {
	return func(yield func(isoBox) bool) {
		for len(data) >= 8 {
			size, header := uint64(binary.BigEndian.Uint32(data)), uint64(8)
			switch {
			case size == 0: // to the end
				size = uint64(len(data))
			case size == 1 && len(data) >= 16:
				size, header = binary.BigEndian.Uint64(data[8:]), 16
			}
			if size < header {
				return
			}
			end := max(header, min(size, uint64(len(data))))
			if !yield(isoBox{string(data[4:8]), data[header:end], end == size}) {
				return
			}
			data = data[end:]
		}
	}
}

// fields reads the big-endian fields of a box one after another. Behind the end
// they are zero, and short is set.
type fields struct {
	data  []byte
	short bool
}

func (f *fields) bytes(n int) []byte {
	if n > len(f.data) {
		f.data, f.short = nil, true
		return make([]byte, min(n, 8))
	}
	out := f.data[:n]
	f.data = f.data[n:]
	return out
}

// number reads one of n bytes: 0, 1, 2, 4 or 8.
func (f *fields) number(n int) uint64 {
	var v uint64
	for _, b := range f.bytes(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// version reads the head of a full box.
func (f *fields) version() (version byte, flags uint32) {
	v := f.number(4)
	return byte(v >> 24), uint32(v) & 0xffffff
}
