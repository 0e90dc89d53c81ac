package tables

import (
	"encoding/binary"
	"errors"
	"io"
)

// runs reads Parquet's hybrid of runs and packed bits, in which levels and the
// words of a dictionary are numbered, one number at a time. parquet-go's decoder
// takes a page at a time, and its memory on the word of a run's length.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
type runs struct {
	r      io.ByteReader
	width  int // bits of a number, 32 at most
	left   uint64
	packed bool
	number uint32 // of a run that is not packed
	bits   bitReader
}

var errRuns = errors.New("its levels or indexes are damaged")

func newRuns(r io.ByteReader, width int) *runs {
	return &runs{r: r, width: width, bits: bitReader{r: r}}
}

func (d *runs) next() (uint32, error) {
	for d.left == 0 {
		h, err := binary.ReadUvarint(d.r)
		if err != nil {
			return 0, noEOF(err)
		}
		if h>>1 > maxRows {
			return 0, errRuns
		}
		d.left, d.packed = h>>1, h&1 == 1
		if d.packed {
			d.left *= 8
			d.bits = bitReader{r: d.r}
			continue
		}
		whole := bitReader{r: d.r}
		if d.number, err = whole.take((d.width + 7) / 8 * 8); err != nil {
			return 0, err
		}
	}
	d.left--
	if d.packed {
		return d.bits.take(d.width)
	}
	return d.number, nil
}

// bitReader reads numbers of some bits each, the lowest first.
type bitReader struct {
	r   io.ByteReader
	buf uint64
	n   int // bits in buf
}

// take reads a number of 32 bits at most.
func (b *bitReader) take(width int) (uint32, error) {
	for b.n < width {
		x, err := b.r.ReadByte()
		if err != nil {
			return 0, noEOF(err)
		}
		b.buf |= uint64(x) << b.n
		b.n += 8
	}
	v := uint32(b.buf & (1<<width - 1))
	b.buf >>= width
	b.n -= width
	return v, nil
}

// maxLengths is how many values of a page have their lengths held: 4 MB.
const maxLengths = 1 << 20

// readLengths reads the lengths of a page's values, which DELTA_LENGTH_BYTE_ARRAY
// puts before them, up to the first byte of the first value. There are most of
// them, or fewer.
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
func readLengths(r io.ByteReader, most int64) ([]int32, error) {
	bad := errors.New("the lengths of its values are damaged")
	var head [3]uint64 // the size of a block, miniblocks in one, how many numbers
	for i := range head {
		var err error
		if head[i], err = binary.ReadUvarint(r); err != nil {
			return nil, noEOF(err)
		}
	}
	block, minis, total := head[0], head[1], head[2]
	first, err := binary.ReadVarint(r)
	if err != nil {
		return nil, noEOF(err)
	}
	if minis == 0 || minis > 1<<10 || block > 1<<20 || block%minis != 0 || block/minis%8 != 0 || block == 0 || total > uint64(min(most, maxLengths)) {
		return nil, bad
	}
	if total == 0 {
		return nil, nil
	}
	out := append(make([]int32, 0, total), int32(first))
	widths := make([]byte, minis)
	for uint64(len(out)) < total {
		least, err := binary.ReadVarint(r)
		if err != nil {
			return nil, noEOF(err)
		}
		for i := range widths {
			if widths[i], err = r.ReadByte(); err != nil {
				return nil, noEOF(err)
			}
		}
		for _, width := range widths {
			if uint64(len(out)) == total {
				break // what is left of the block is not written
			}
			if width > 32 {
				return nil, bad
			}
			b := bitReader{r: r}
			for range block / minis { // to its end, padding and all
				delta, err := b.take(int(width))
				if err != nil {
					return nil, err
				}
				if uint64(len(out)) < total {
					out = append(out, out[len(out)-1]+int32(least)+int32(delta))
				}
			}
		}
	}
	for _, n := range out {
		if n < 0 {
			return nil, bad
		}
	}
	return out, nil
}
