package imaging

// vp8Edge is what a macroblock leaves to those below and to the right of it:
// the modes of its sub-blocks, and whether its blocks had coefficients, of
// luma, of both chroma, and of the second order.
type vp8Edge struct {
	modes  [4]uint8
	luma   [4]uint8
	chroma [2][2]uint8
	second uint8
}

// The modes of sub-blocks, in the order of the RFC's table: section 8.1.
const (
	vp8DC = iota
	vp8TM
	vp8VE
	vp8HE
	vp8RD
	vp8VR
	vp8LD
	vp8VL
	vp8HD
	vp8HU
)

// The planes of coefficients: section 13.3.
const (
	vp8LumaWithoutDC = iota
	vp8SecondOrder
	vp8Chroma
	vp8Luma
)

// vp8Bands are the bands of a block's 16 coefficients, and of the one behind.
var vp8Bands = [17]uint8{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0}

// vp8Categories are the probabilities of the extra bits of large coefficients:
// section 13.2.
var vp8Categories = [4][]uint8{
	{173, 148, 140},
	{176, 155, 140, 135},
	{180, 157, 141, 134, 130},
	{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129},
}

// unpack reads all macroblocks. It ends early once both readers are behind the
// ends of their data.
func (f *vp8Frame) unpack() {
	above := make([]vp8Edge, f.wide)
	for y := range f.high {
		var left vp8Edge
		coefficients := &f.partitions[y%len(f.partitions)]
		if f.first.left() < -64 || coefficients.left() < -64 {
			return
		}
		for x := range f.wide {
			f.macroblock(coefficients, &above[x], &left)
		}
	}
}

func (f *vp8Frame) macroblock(coefficients *boolReader, above, left *vp8Edge) {
	r := &f.first
	if f.segmentMap {
		if !r.bit(f.segments[0]) {
			r.bit(f.segments[1])
		} else {
			r.bit(f.segments[2])
		}
	}
	skip := f.skips && r.bit(f.skip)
	whole := f.lumaMode(above, left)
	// Chroma: section 11.2.
	if r.bit(142) && r.bit(114) {
		r.bit(183)
	}
	if !skip {
		f.residuals(coefficients, whole, above, left)
		return
	}
	for _, e := range []*vp8Edge{above, left} {
		e.luma, e.chroma = [4]uint8{}, [2][2]uint8{}
		if whole {
			e.second = 0
		}
	}
}

// lumaMode reads the mode of a macroblock, or those of its sub-blocks: section
// 11.2 and 11.3. It reports whether there is one for the whole.
func (f *vp8Frame) lumaMode(above, left *vp8Edge) bool {
	r := &f.first
	if !r.bit(145) {
		for y := range 4 {
			mode := left.modes[y]
			for x := range 4 {
				mode = r.mode(&vp8ModeProbabilities[above.modes[x]][mode])
				above.modes[x] = mode
			}
			left.modes[y] = mode
		}
		return false
	}
	var mode uint8
	switch {
	case !r.bit(156):
		mode = vp8DC
		if r.bit(163) {
			mode = vp8VE
		}
	case !r.bit(128):
		mode = vp8HE
	default:
		mode = vp8TM
	}
	for i := range 4 {
		above.modes[i], left.modes[i] = mode, mode
	}
	return true
}

func (r *boolReader) mode(p *[9]uint8) uint8 {
	switch {
	case !r.bit(p[0]):
		return vp8DC
	case !r.bit(p[1]):
		return vp8TM
	case !r.bit(p[2]):
		return vp8VE
	case !r.bit(p[3]):
		switch {
		case !r.bit(p[4]):
			return vp8HE
		case !r.bit(p[5]):
			return vp8RD
		}
		return vp8VR
	case !r.bit(p[6]):
		return vp8LD
	case !r.bit(p[7]):
		return vp8VL
	case !r.bit(p[8]):
		return vp8HD
	}
	return vp8HU
}

// residuals reads the coefficients of a macroblock: section 13.
func (f *vp8Frame) residuals(r *boolReader, whole bool, above, left *vp8Edge) {
	plane, first := vp8Luma, 0
	if whole {
		has := f.block(r, vp8SecondOrder, 0, above.second+left.second)
		above.second, left.second = has, has
		plane, first = vp8LumaWithoutDC, 1
	}
	for y := range 4 {
		for x := range 4 {
			has := f.block(r, plane, first, above.luma[x]+left.luma[y])
			above.luma[x], left.luma[y] = has, has
		}
	}
	for c := range 2 {
		for y := range 2 {
			for x := range 2 {
				has := f.block(r, vp8Chroma, 0, above.chroma[c][x]+left.chroma[c][y])
				above.chroma[c][x], left.chroma[c][y] = has, has
			}
		}
	}
}

// block reads a block from its coefficient n on, and returns 1 if it has any.
func (f *vp8Frame) block(r *boolReader, plane, n int, context uint8) uint8 {
	bands := &f.probabilities[plane]
	p := &bands[vp8Bands[n]][context]
	if !r.bit(p[0]) {
		return 0
	}
	for n < 16 {
		n++
		if !r.bit(p[1]) {
			p = &bands[vp8Bands[n]][0]
			continue // a zero, behind which cannot be the end
		}
		next := &bands[vp8Bands[n]]
		if !r.bit(p[2]) {
			p = &next[1]
		} else {
			r.large(p)
			p = &next[2]
		}
		r.bit(128) // sign
		if n == 16 || !r.bit(p[0]) {
			break
		}
	}
	return 1
}

// large reads a coefficient of 2 and more.
func (r *boolReader) large(p *[11]uint8) {
	if !r.bit(p[3]) {
		if r.bit(p[4]) {
			r.bit(p[5])
		}
		return
	}
	if !r.bit(p[6]) {
		if !r.bit(p[7]) {
			r.bit(159)
		} else {
			r.bit(165)
			r.bit(145)
		}
		return
	}
	category := 0
	if r.bit(p[8]) {
		category = 2
	}
	if r.bit(p[9+category/2]) {
		category++
	}
	for _, q := range vp8Categories[category] {
		r.bit(q)
	}
}

// inspectWebP checks the bitstream of a WebP's first image. libwebp fails on
// what is missing of a lossless one, and takes any bytes for a lossy one.
func inspectWebP(src []byte) error {
	kind, data := webpImage(src)
	switch kind {
	case "VP8 ":
		// Encoders end within 2 bytes; a byte of padding may follow.
		if least, most, ok := vp8Left(data); !ok || least < -2 || most > 8 {
			return corrupt("a WebP with damaged or missing data")
		}
	case "VP8L":
		if zeroTail(data) {
			return truncated("a WebP whose data end in zeros")
		}
	}
	return nil
}

// webpImage is the bitstream of the first image of a WebP.
func webpImage(src []byte) (kind string, data []byte) {
	for kind, body := range riffChunks(src[12:]) {
		switch {
		case kind == "VP8 " || kind == "VP8L":
			return kind, body
		case kind == "ANMF" && len(body) > 16:
			for kind, body := range riffChunks(body[16:]) {
				if kind == "VP8 " || kind == "VP8L" {
					return kind, body
				}
			}
		}
	}
	return "", nil
}
