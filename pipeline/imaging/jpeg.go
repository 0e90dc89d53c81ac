package imaging

import (
	"bytes"
	"encoding/binary"

	"sluice/pipeline"
)

// JPEG's markers, ITU-T T.81 table B.1.
const (
	markerSOF0 = 0xC0 // baseline
	markerSOF1 = 0xC1 // extended, sequential
	markerSOF2 = 0xC2 // progressive
	markerSOF9 = 0xC9 // sequential, arithmetic
	markerSOFA = 0xCA // progressive, arithmetic
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerAPP0 = 0xE0 // JFIF
	markerAPP1 = 0xE1 // Exif
	markerAPP2 = 0xE2 // ICC profile
	markerAPPE = 0xEE // Adobe
	markerTEM  = 0x01
)

// jpegHeader is what stands before the first scan of a JPEG.
type jpegHeader struct {
	pipeline.Header
	frame bool // a frame header was seen
	// odd is whether libjpeg warns about something that every viewer passes
	// over and that costs no pixel. Warnings that cost pixels come later, from
	// the scans.
	odd bool
	// adobe is the colour transform of an Adobe segment, -1 if there is none.
	adobe int
	// profile is an ICC profile in the segments that it takes.
	profile [][]byte
}

func readJPEG(src []byte) (pipeline.Header, error) {
	h, err := parseJPEG(src)
	return h.Header, err
}

// parseJPEG walks the segments up to the first scan as libjpeg does: junk
// between them is skipped, and of an unknown one no more is used than its
// length. Then it looks for the end.
func parseJPEG(src []byte) (jpegHeader, error) {
	h := jpegHeader{adobe: -1}
	for at := 2; ; {
		marker, next, ok := nextMarker(src, at)
		if !ok {
			return h, truncated("the file ends within the header of a JPEG")
		}
		// A marker may be preceded by any number of fill bytes, but by nothing
		// else.
		h.odd = h.odd || len(bytes.Trim(src[at:next-1], "\xff")) > 0
		at = next
		switch {
		case marker == markerTEM, markerRST0 <= marker && marker <= markerRST7:
			continue
		case marker == markerSOI:
			return h, corrupt("a second image begins within the header of a JPEG")
		case marker == markerEOI:
			return h, corrupt("a JPEG without an image in it")
		}
		body, ok := segment(src, at)
		if !ok {
			return h, truncated("the file ends within the header of a JPEG")
		}
		if body == nil {
			return h, corrupt("a JPEG with a segment of impossible length")
		}
		at += 2 + len(body)
		if marker == markerSOS {
			if err := h.scan(body); err != nil {
				return h, err
			}
			if !endsJPEG(src[at:]) {
				h.Truncated = "a JPEG without its end"
			}
			return h, nil
		}
		if err := h.add(marker, body); err != nil {
			return h, err
		}
	}
}

// nextMarker finds the first marker at or after at, and where what follows it
// begins.
func nextMarker(src []byte, at int) (marker byte, next int, ok bool) {
	for at+1 < len(src) {
		i := bytes.IndexByte(src[at:len(src)-1], 0xff)
		if i < 0 {
			break
		}
		at += i + 1
		if m := src[at]; m != 0 && m != 0xff {
			return m, at + 1, true
		}
	}
	return 0, 0, false
}

// segment is the body of the one whose length is at at: nil if that is
// impossible, not ok if it reaches beyond the end.
func segment(src []byte, at int) (body []byte, ok bool) {
	if at+2 > len(src) {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(src[at:]))
	if n < 2 {
		return nil, true
	}
	if at+n > len(src) {
		return nil, false
	}
	return src[at+2 : at+n], true
}

// add takes a segment before the first scan into account.
func (h *jpegHeader) add(marker byte, body []byte) error {
	switch marker {
	case markerSOF0, markerSOF1, markerSOF2, markerSOF9, markerSOFA:
		return h.addFrame(marker, body)
	case 0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xCB, 0xCD, 0xCE, 0xCF:
		return pipeline.Fail(pipeline.Unsupported, "a lossless or hierarchical JPEG, which viewers do not show")
	case markerAPP0:
		h.odd = h.odd || len(body) >= 14 && string(body[:5]) == "JFIF\x00" && body[5] != 1
	case markerAPP1:
		// The first one counts, as in viewers; XMP comes in the same segment.
		if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00")); ok && len(tiff) > 0 && h.Orientation == 0 {
			h.Orientation = exifOrientation(tiff[1:])
		}
	case markerAPP2:
		// ICC.1:2022, annex B.4: after the name, which segment of how many.
		if data, ok := bytes.CutPrefix(body, []byte("ICC_PROFILE\x00")); ok && len(data) > 2 {
			h.profile = append(h.profile, data[2:])
		}
	case markerAPPE:
		if len(body) >= 12 && string(body[:5]) == "Adobe" {
			h.adobe = int(body[11])
		}
	}
	return nil
}

func (h *jpegHeader) addFrame(marker byte, body []byte) error {
	if h.frame || len(body) < 6 || len(body) != 6+3*int(body[5]) {
		return corrupt("a JPEG with a frame header that makes no sense")
	}
	h.frame = true
	h.Depth = int(body[0])
	h.Height = int(binary.BigEndian.Uint16(body[1:]))
	h.Width = int(binary.BigEndian.Uint16(body[3:]))
	h.Bands = int(body[5])
	h.Progressive = marker == markerSOF2 || marker == markerSOFA
	// Components are 3 bytes each: name, sampling factors, quantisation table.
	h.Subsampled = h.Bands == 3 && body[7] == 0x22 && body[10] == 0x11 && body[13] == 0x11
	switch {
	case h.Depth != 8:
		return pipeline.Fail(pipeline.Unsupported, "a JPEG of %d bits, which viewers do not show", h.Depth)
	case h.Bands != 1 && h.Bands != 3 && h.Bands != 4:
		return pipeline.Fail(pipeline.Unsupported, "a JPEG of %d components, which viewers do not show", h.Bands)
	}
	return nil
}

// scan takes the first scan's header into account.
func (h *jpegHeader) scan(body []byte) error {
	if !h.frame || len(body) < 4 || len(body) != 4+2*int(body[0]) {
		return corrupt("a JPEG with a scan header that makes no sense")
	}
	if int(body[0]) < h.Bands {
		// A component a scan: the decoder holds all coefficients until the last
		// one, as for a progressive image.
		h.Progressive = true
	}
	if last := body[len(body)-3:]; !h.Progressive && string(last) != "\x00\x3f\x00" {
		h.odd = true // not sequential, says libjpeg, and decodes it as if it were
	}
	if h.adobe > 2 || h.Bands == 3 && h.adobe == 2 || h.Bands == 4 && h.adobe == 1 {
		h.odd = true // an unknown transform, taken for the usual one
	}
	return nil
}

// endsJPEG reports whether the end of the image is in scans. There it cannot be
// data, where 0xff is followed by a zero or a restart marker; after it come the
// zeros of a padded download, comments of cameras, whole further images. So the
// last one is looked for: in most files these are the last two bytes.
func endsJPEG(scans []byte) bool {
	return bytes.LastIndex(scans, []byte{0xff, markerEOI}) >= 0
}
