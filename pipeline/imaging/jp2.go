package imaging

import (
	"encoding/binary"

	"sluice/pipeline"
)

// readJP2 reads a JPEG 2000's header: ITU-T T.800, annexes A.5 and I.5. It is
// decoded only where the operator allows it, for its decoder has a record of
// crashes.
func readJP2(src []byte) (pipeline.Header, error) {
	h := pipeline.Header{Bands: 3, Depth: 8}
	var code []byte
	for b := range boxes(src) {
		if b.kind == "jp2c" {
			code = b.body
			if !b.whole {
				h.Truncated = "a JPEG 2000 that ends within its image"
			}
			break
		}
	}
	if len(code) < 42 || string(code[:4]) != "\xff\x4f\xff\x51" {
		return h, truncated("a JPEG 2000 without an image in it")
	}
	// SIZ: the reference grid, the image's offset in it, then tiles.
	be := binary.BigEndian
	right, bottom := uint64(be.Uint32(code[8:])), uint64(be.Uint32(code[12:]))
	left, top := uint64(be.Uint32(code[16:])), uint64(be.Uint32(code[20:]))
	if left > right || top > bottom {
		return h, corrupt("a JPEG 2000 with a header that makes no sense")
	}
	h.Width, h.Height = int(right-left), int(bottom-top)
	h.Bands = int(be.Uint16(code[40:]))
	if h.Bands < 1 || h.Bands > 4 || len(code) < 42+3*h.Bands {
		return h, pipeline.Fail(pipeline.Unsupported, "a JPEG 2000 of %d components, which viewers do not show", h.Bands)
	}
	h.Depth = 1 + int(code[42]&0x7f)
	if h.Depth > 16 {
		return h, pipeline.Fail(pipeline.Unsupported, "a JPEG 2000 of %d bits, which viewers do not show", h.Depth)
	}
	h.Alpha = h.Bands == 2 || h.Bands == 4
	// EOC ends the image; what follows it is not looked at.
	if n := len(code); h.Truncated == "" && string(code[max(0, n-2):]) != "\xff\xd9" {
		h.Truncated = "a JPEG 2000 without its end"
	}
	return h, nil
}
