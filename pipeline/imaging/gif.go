package imaging

import (
	"compress/lzw"
	"encoding/binary"
	"io"

	"sluice/pipeline"
)

// gifFrame is the first image of a GIF.
type gifFrame struct {
	width, height int
	codeSize      int
	data          []byte // sub-blocks, up to where the next block begins
}

func readGIF(src []byte) (pipeline.Header, error) {
	h, _, err := parseGIF(src)
	return h, err
}

// parseGIF walks the blocks of a GIF to its trailer. GIF89a specification,
// sections 17 to 27.
func parseGIF(src []byte) (pipeline.Header, *gifFrame, error) {
	h := pipeline.Header{Bands: 4, Depth: 8, Alpha: true}
	if len(src) < 13 {
		return h, nil, truncated("the file ends within the header of a GIF")
	}
	h.Width = int(binary.LittleEndian.Uint16(src[6:]))
	h.Height = int(binary.LittleEndian.Uint16(src[8:]))
	at := 13 + colourTable(src[10])
	var first *gifFrame
	cut := func() (pipeline.Header, *gifFrame, error) {
		if first == nil {
			return h, nil, truncated("a GIF that ends before its first image")
		}
		h.Truncated = "a GIF without its end"
		return h, first, nil
	}
	for {
		if at >= len(src) {
			return cut()
		}
		switch src[at] {
		case 0x3b: // trailer
			if first == nil {
				return h, nil, corrupt("a GIF without an image in it")
			}
			return h, first, nil
		case 0x21: // extension: a label, then sub-blocks
			var ok bool
			if at, ok = subBlocks(src, at+2); !ok {
				return cut()
			}
		case 0x2c: // image descriptor
			if len(src)-at < 11 {
				return cut()
			}
			f := &gifFrame{
				width:  int(binary.LittleEndian.Uint16(src[at+5:])),
				height: int(binary.LittleEndian.Uint16(src[at+7:])),
			}
			right := int(binary.LittleEndian.Uint16(src[at+1:])) + f.width
			bottom := int(binary.LittleEndian.Uint16(src[at+3:])) + f.height
			start := at + 10 + colourTable(src[at+9])
			if start >= len(src) {
				return cut()
			}
			f.codeSize = int(src[start])
			next, ok := subBlocks(src, start+1)
			if first == nil {
				first = f
				first.data = src[start+1 : min(next, len(src))]
				// As decoders do, the canvas is taken to be as large as its
				// first image reaches.
				h.Width, h.Height = max(h.Width, right), max(h.Height, bottom)
				if f.width == 0 || f.height == 0 || f.codeSize < 1 || f.codeSize > 11 {
					return h, nil, corrupt("a GIF with an image header that makes no sense")
				}
			}
			if at = next; !ok {
				return cut()
			}
		case 0: // one terminator too many, which some encoders write
			at++
		default:
			return cut()
		}
	}
}

// colourTable is the size of the colour table that packed announces, bytes.
func colourTable(packed byte) int {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

// subBlocks is where what follows the sub-blocks at at begins; not ok if the
// file ends within them.
func subBlocks(src []byte, at int) (next int, ok bool) {
	for at < len(src) {
		n := int(src[at])
		at += 1 + n
		if n == 0 {
			return at, true
		}
	}
	return len(src), false
}

// inspectGIF unpacks the first image, for libvips' decoder passes over what is
// missing or makes no sense in it.
func inspectGIF(src []byte) error {
	_, f, err := parseGIF(src)
	if err != nil {
		return err
	}
	// Codes of 1 bit are stored as if they were of 2.
	r := lzw.NewReader(&subBlockReader{data: f.data}, lzw.LSB, max(2, f.codeSize))
	defer r.Close()
	want := int64(f.width) * int64(f.height)
	n, err := io.CopyN(io.Discard, r, want)
	if err != nil && n < want {
		return corrupt("a GIF whose first image has %d of %d pixels", n, want)
	}
	return nil
}

// subBlockReader reads what sub-blocks hold, byte by byte, which is how lzw reads
// where it can.
type subBlockReader struct {
	data []byte
	left int // of the current sub-block
}

func (r *subBlockReader) ReadByte() (byte, error) {
	for r.left == 0 {
		if len(r.data) == 0 || r.data[0] == 0 {
			return 0, io.EOF
		}
		r.left, r.data = int(r.data[0]), r.data[1:]
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	b := r.data[0]
	r.data, r.left = r.data[1:], r.left-1
	return b, nil
}

func (r *subBlockReader) Read(p []byte) (int, error) {
	for i := range p {
		b, err := r.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = b
	}
	return len(p), nil
}
