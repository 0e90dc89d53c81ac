package imaging

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"sluice/pipeline"
)

// readPNG walks the chunks of a PNG to its end. W3C PNG, third edition,
// sections 5.3 and 11.
func readPNG(src []byte) (pipeline.Header, error) {
	var h pipeline.Header
	for at := 8; ; {
		if len(src)-at < 12 {
			return cutPNG(h, "a PNG without its end")
		}
		n := uint64(binary.BigEndian.Uint32(src[at:]))
		kind := string(src[at+4 : at+8])
		if n > 1<<31-1 {
			return h, corrupt("a PNG with a chunk of impossible length")
		}
		if n > uint64(len(src)-at-12) {
			return cutPNG(h, fmt.Sprintf("a PNG that ends within its %q chunk", kind))
		}
		body := src[at+8 : at+8+int(n)]
		if at == 8 {
			if err := readIHDR(&h, kind, body); err != nil {
				return h, err
			}
		}
		switch kind {
		case "tRNS":
			if !h.Alpha {
				h.Alpha = true
				h.Bands++
			}
		case "eXIf":
			h.Orientation = exifOrientation(body)
		case "IEND":
			return h, nil
		}
		at += 12 + int(n)
	}
}

// cutPNG is the end of a PNG that is cut off: an error if it has no header yet.
func cutPNG(h pipeline.Header, how string) (pipeline.Header, error) {
	if h.Depth == 0 {
		return h, truncated("%s", how)
	}
	h.Truncated = how
	return h, nil
}

// inspectPNG checks the checksums of what the picture hangs on: the chunks whose
// names begin with a capital.
func inspectPNG(src []byte) error {
	for at := 8; len(src)-at >= 12; {
		n := int(binary.BigEndian.Uint32(src[at:]))
		if n > len(src)-at-12 {
			return nil // cut off, as its header says
		}
		typed := src[at+4 : at+8+n]
		if typed[0]&0x20 == 0 && crc32.ChecksumIEEE(typed) != binary.BigEndian.Uint32(src[at+8+n:]) {
			return corrupt("a PNG with a wrong checksum in its %q chunk", typed[:4])
		}
		if string(typed[:4]) == "IEND" {
			return nil
		}
		at += 12 + n
	}
	return nil
}

func readIHDR(h *pipeline.Header, kind string, body []byte) error {
	if kind != "IHDR" || len(body) != 13 {
		return corrupt("a PNG that does not begin with its header")
	}
	h.Width = int(binary.BigEndian.Uint32(body))
	h.Height = int(binary.BigEndian.Uint32(body[4:]))
	h.Depth = int(body[8])
	h.Progressive = body[12] != 0
	switch h.Depth {
	case 1, 2, 4, 8, 16:
	default:
		return corrupt("a PNG of %d bits a band", h.Depth)
	}
	switch colour := body[9]; colour {
	case 0:
		h.Bands = 1
	case 2, 3: // a palette is decoded to its colours
		h.Bands = 3
	case 4, 6:
		h.Bands = int(colour) - 2
		h.Alpha = true
	default:
		return corrupt("a PNG of colour type %d", colour)
	}
	return nil
}
