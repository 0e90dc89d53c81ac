package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"sluice/pipeline"
)

func readWebP(src []byte) (pipeline.Header, error) {
	h, err := parseWebP(src)
	if err != nil && h.Truncated != "" {
		err = truncated("%s", h.Truncated)
	}
	return h, err
}

// parseWebP reads a WebP's chunks. RFC 9649, section 2.
func parseWebP(src []byte) (pipeline.Header, error) {
	var h pipeline.Header
	size := uint64(binary.LittleEndian.Uint32(src[4:])) + 8
	if size < 12 {
		return h, corrupt("a WebP of impossible length")
	}
	if uint64(len(src)) < size {
		h.Truncated = fmt.Sprintf("a WebP of %d bytes, of which %d are there", size, len(src))
		size = uint64(len(src))
	}
	for kind, body := range riffChunks(src[12:size]) {
		switch kind {
		case "VP8X":
			if len(body) < 10 {
				return h, corrupt("a WebP with a header that is too short")
			}
			// Frames of an animation need not cover the canvas.
			const alpha, animation = 0x10, 0x02
			h.Alpha = body[0]&(alpha|animation) != 0
			h.Width = 1 + int(uint24(body[4:]))
			h.Height = 1 + int(uint24(body[7:]))
		case "VP8 ", "VP8L":
			if err := webpFrame(&h, kind, body); err != nil {
				return h, err
			}
		case "ANMF":
			// A frame of an animation, of which the first is used; its chunks
			// come after 16 bytes of where and how long.
			if h.Depth > 0 || len(body) < 16 {
				continue
			}
			for kind, body := range riffChunks(body[16:]) {
				if kind != "VP8 " && kind != "VP8L" {
					continue
				}
				if err := webpFrame(&h, kind, body); err != nil {
					return h, err
				}
			}
		case "EXIF":
			// Some write it with JPEG's prefix.
			h.Orientation = exifOrientation(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
		}
	}
	if h.Depth == 0 {
		return h, corrupt("a WebP without an image in it")
	}
	h.Bands = 3
	if h.Alpha {
		h.Bands = 4
	}
	return h, nil
}

// padWebP puts zeros where a WebP is cut off: libwebp reads no part of one. What
// was there of a lossy image decodes to what it was.
func padWebP(src []byte) []byte {
	missing := int64(binary.LittleEndian.Uint32(src[4:])) + 8 - int64(len(src))
	if missing <= 0 || missing > int64(len(src)) {
		return src // less than half is there, or the length lies
	}
	return append(bytes.Clone(src), make([]byte, missing)...)
}

// webpFrame reads the header of a bitstream. The canvas of an extended file,
// which is already in h, comes before its size.
func webpFrame(h *pipeline.Header, kind string, body []byte) error {
	var width, height int
	switch kind {
	case "VP8 ": // RFC 6386, section 9.1
		if len(body) < 10 || body[0]&1 != 0 || string(body[3:6]) != "\x9d\x01\x2a" {
			return corrupt("a WebP with a damaged VP8 header")
		}
		width = int(binary.LittleEndian.Uint16(body[6:]) & 0x3fff)
		height = int(binary.LittleEndian.Uint16(body[8:]) & 0x3fff)
	case "VP8L": // RFC 9649, section 3.4
		if len(body) < 5 || body[0] != 0x2f {
			return corrupt("a WebP with a damaged VP8L header")
		}
		bits := binary.LittleEndian.Uint32(body[1:])
		width = 1 + int(bits&0x3fff)
		height = 1 + int(bits>>14&0x3fff)
		h.Alpha = h.Alpha || bits>>28&1 != 0
		h.Lossless = true
	}
	h.Depth = 8
	if h.Width == 0 {
		h.Width, h.Height = width, height
	}
	return nil
}

// riffChunks yields the chunks of a RIFF file; of the last one what there is.
func riffChunks(data []byte) func(yield func(kind string, body []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for len(data) >= 8 {
			n := uint64(binary.LittleEndian.Uint32(data[4:]))
			n = min(n, uint64(len(data)-8))
			if !yield(string(data[:4]), data[8:8+n]) {
				return
			}
			data = data[min(8+n+n&1, uint64(len(data))):]
		}
	}
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }
