package imaging

import (
	"encoding/binary"
	"math/bits"
)

// boolReader is VP8's arithmetic decoder: RFC 6386, section 7. Behind the end it
// reads zeros, as all decoders do.
type boolReader struct {
	data  []byte
	at    int    // bytes taken, some of them from behind the end
	value uint64 // a window of 8 bits, and below it the next ones
	below int    // how many of those there are, -8 if there is no window yet
	width uint32 // of the interval, 128 to 255
}

func newBoolReader(data []byte) boolReader { return boolReader{data: data, below: -8, width: 255} }

func (r *boolReader) bit(probability uint8) bool {
	if r.below < 0 {
		r.fill()
	}
	split := 1 + (r.width-1)*uint32(probability)>>8
	big := uint64(split) << uint(r.below)
	set := r.value >= big
	if set {
		r.value -= big
		r.width -= split
	} else {
		r.width = split
	}
	shift := bits.LeadingZeros8(uint8(r.width))
	r.width <<= uint(shift)
	r.below -= shift
	return set
}

func (r *boolReader) fill() {
	if r.at+4 <= len(r.data) {
		r.value = r.value<<32 | uint64(binary.BigEndian.Uint32(r.data[r.at:]))
		r.at += 4
		r.below += 32
		return
	}
	for r.below < 0 {
		r.value <<= 8
		if r.at < len(r.data) {
			r.value |= uint64(r.data[r.at])
		}
		r.at++
		r.below += 8
	}
}

// left is how many bytes the reader has not come to; negative if it went on
// behind the end.
func (r *boolReader) left() int { return len(r.data) - r.at + r.below/8 }

func (r *boolReader) number(n int) (v int) {
	for range n {
		v <<= 1
		if r.bit(128) {
			v |= 1
		}
	}
	return v
}

func (r *boolReader) flag() bool { return r.bit(128) }

// optional passes over a number with a sign that may be there.
func (r *boolReader) optional(n int) {
	if r.flag() {
		r.number(n)
		r.flag()
	}
}

type vp8Probabilities [4][8][3][11]uint8

// vp8Frame is what of a key frame's header the coding of its blocks hangs on.
type vp8Frame struct {
	first         boolReader   // header and modes
	partitions    []boolReader // coefficients, by row
	wide, high    int          // macroblocks
	segmentMap    bool
	segments      [3]uint8
	skips         bool
	skip          uint8
	probabilities vp8Probabilities
}

// vp8Left unpacks a whole key frame, without making a pixel of it, and returns
// how far from the end of a partition that came at worst: 0 to 2 bytes for what
// an encoder wrote, hundreds for damaged data, for an arithmetic decoder that
// has lost its way finds sense in anything. ok is false if there is no frame.
func vp8Left(data []byte) (least, most int, ok bool) {
	f, ok := newVP8Frame(data)
	if !ok {
		return 0, 0, false
	}
	f.unpack()
	least, most = f.first.left(), f.first.left()
	for i := range f.partitions {
		least, most = min(least, f.partitions[i].left()), max(most, f.partitions[i].left())
	}
	return least, most, true
}

// newVP8Frame reads a frame's header: RFC 6386, section 9 and 19.2.
func newVP8Frame(data []byte) (*vp8Frame, bool) {
	if len(data) < 10 {
		return nil, false
	}
	size := int(uint24(data)) >> 5
	if size > len(data)-10 {
		return nil, false
	}
	f := &vp8Frame{
		wide:          (int(binary.LittleEndian.Uint16(data[6:])&0x3fff) + 15) / 16,
		high:          (int(binary.LittleEndian.Uint16(data[8:])&0x3fff) + 15) / 16,
		probabilities: vp8Defaults,
		segments:      [3]uint8{255, 255, 255},
	}
	f.first = newBoolReader(data[10 : 10+size])
	r := &f.first
	r.number(2) // colour space, clamping
	if r.flag() {
		f.readSegments(r)
	}
	r.number(1 + 6 + 3)                 // loop filter: type, level, sharpness
	adjusts, changes := r.flag(), false // of the loop filter
	if adjusts {
		changes = r.flag()
	}
	if changes {
		for range 8 {
			r.optional(6)
		}
	}
	n := 1 << r.number(2)
	if !f.split(data[10+size:], n) {
		return nil, false
	}
	r.number(7) // quantiser
	for range 5 {
		r.optional(4)
	}
	r.flag() // whether the probabilities outlive the frame
	for i := range f.probabilities {
		for j := range f.probabilities[i] {
			for k := range f.probabilities[i][j] {
				for l := range f.probabilities[i][j][k] {
					if r.bit(vp8Updates[i][j][k][l]) {
						f.probabilities[i][j][k][l] = uint8(r.number(8))
					}
				}
			}
		}
	}
	if f.skips = r.flag(); f.skips {
		f.skip = uint8(r.number(8))
	}
	return f, true
}

func (f *vp8Frame) readSegments(r *boolReader) {
	f.segmentMap = r.flag()
	if r.flag() {
		r.flag() // absolute or relative
		for range 4 {
			r.optional(7)
		}
		for range 4 {
			r.optional(6)
		}
	}
	if !f.segmentMap {
		return
	}
	for i := range f.segments {
		if r.flag() {
			f.segments[i] = uint8(r.number(8))
		}
	}
}

// split finds the n partitions of coefficients: section 9.5.
func (f *vp8Frame) split(data []byte, n int) bool {
	if len(data) < 3*(n-1) {
		return false
	}
	sizes, data := data, data[3*(n-1):]
	for i := range n - 1 {
		size := int(uint24(sizes[3*i:]))
		if size > len(data) {
			return false
		}
		f.partitions = append(f.partitions, newBoolReader(data[:size]))
		data = data[size:]
	}
	f.partitions = append(f.partitions, newBoolReader(data))
	return true
}
