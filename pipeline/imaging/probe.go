package imaging

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sluice/pipeline"
)

// maxSide is the largest width or height that libvips handles (VIPS_MAX_COORD).
const maxSide = 10_000_000

// formats are what can be decoded, by the bytes that each begins with. read gets
// the whole file; its errors are *pipeline.RowError. An
// empty name is left to read.
var formats = []struct {
	name  string
	magic func(src []byte) bool
	read  func(src []byte) (pipeline.Header, error)
	// untrusted is one that only the operator can allow: its decoder is one
	// that libvips itself does not trust with strangers' bytes.
	untrusted bool
}{
	{"jpeg", begins("\xff\xd8\xff"), readJPEG, false},
	{"png", begins("\x89PNG\r\n\x1a\n"), readPNG, false},
	{"webp", riff("WEBP"), readWebP, false},
	{"gif", begins("GIF87a"), readGIF, false},
	{"gif", begins("GIF89a"), readGIF, false},
	{"tiff", begins("II*\x00"), readTIFF, false},
	{"tiff", begins("MM\x00*"), readTIFF, false},
	{"", box("avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"), readHEIF, false},
	{"jp2", begins("\x00\x00\x00\x0cjP  \r\n\x87\n"), readJP2, true},
}

// Untrusted are the names of the formats that Options.Allow can add.
func Untrusted() []string {
	var names []string
	for _, f := range formats {
		if f.untrusted && !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// Probe reads the header of src, and checks that its end is there.
func (m *Imager) Probe(src []byte) (pipeline.Header, error) {
	if len(src) == 0 {
		return pipeline.Header{}, pipeline.Fail(pipeline.Empty, "no bytes")
	}
	if h, known, err := m.read(src); known {
		return h, err
	}
	if stranger(src) == "" {
		if skip := junkBefore(src); skip > 0 {
			h, _, err := m.read(src[skip:])
			h.Skip = skip
			return h, err
		}
	}
	return pipeline.Header{}, pipeline.Fail(pipeline.Unsupported, "%s", describe(src))
}

// read reads src's header, if it begins as an image does.
func (m *Imager) read(src []byte) (h pipeline.Header, known bool, err error) {
	for _, f := range formats {
		if !f.magic(src) || f.untrusted && !slices.Contains(m.allow, f.name) {
			continue
		}
		h, err := f.read(src)
		h.Format = cmp.Or(f.name, h.Format)
		if err != nil {
			return pipeline.Header{Format: h.Format}, true, err
		}
		return h, true, cmp.Or(m.lack(h), m.checkSize(h))
	}
	return h, false, nil
}

// lack is the error of a format that libvips has no decoder of.
func (m *Imager) lack(h pipeline.Header) error {
	if !m.lacks[h.Format] {
		return nil
	}
	return pipeline.Fail(pipeline.Unsupported, "libvips on this worker has no decoder of %s", strings.ToUpper(h.Format))
}

// maxJunk is how far an image may lie behind what a careless server put before
// it: a line break, a byte order mark, a warning of its script.
const maxJunk = 1024

// junkBefore is where an image of one of the formats of the web begins, 0 if
// nowhere.
func junkBefore(src []byte) int {
	head := src[:min(len(src), maxJunk)]
	first := 0
	for _, magic := range []string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a", "RIFF"} {
		i := bytes.Index(head, []byte(magic))
		if i <= 0 || magic == "RIFF" && !riff("WEBP")(src[i:]) {
			continue
		}
		if first == 0 || i < first {
			first = i
		}
	}
	return first
}

func (m *Imager) checkSize(h pipeline.Header) error {
	if h.Width < 1 || h.Height < 1 || h.Width > maxSide || h.Height > maxSide {
		return corrupt("its header says %d x %d pixels", h.Width, h.Height)
	}
	if n := h.Pixels(); n > m.maxPixels {
		return pipeline.Fail(pipeline.TooManyPixels, "%d x %d is %.1f million pixels, and %.1f are allowed", h.Width, h.Height, float64(n)/1e6, float64(m.maxPixels)/1e6)
	}
	return nil
}

// strangers are what is often found where an image was expected, for the
// message alone.
var strangers = []struct {
	name  string
	magic func(src []byte) bool
}{
	{"BMP", begins("BM")},
	{"MP4 video", box("isom", "iso2", "mp41", "mp42", "M4V ", "qt  ")},
	{"JPEG XL", begins("\x00\x00\x00\x0cJXL ")},
	{"JPEG XL", begins("\xff\x0a")},
	{"JPEG 2000", begins("\x00\x00\x00\x0cjP  ")},
	{"JPEG 2000", begins("\xff\x4f\xff\x51")},
	{"BigTIFF", begins("II+\x00")},
	{"BigTIFF", begins("MM\x00+")},
	{"Canon raw", box("crx ")},
	{"JPEG XR", begins("II\xbc\x01")},
	{"OpenEXR", begins("\x76\x2f\x31\x01")},
	{"Radiance HDR", begins("#?RADIANCE")},
	{"Netpbm", netpbm},
	{"PostScript", begins("%!PS")},
	{"ZIP", begins("PK\x03\x04")},
	{"Matroska or WebM video", begins("\x1a\x45\xdf\xa3")},
	{"Flash", begins("FWS")},
	{"icon", begins("\x00\x00\x01\x00")},
	{"PDF", begins("%PDF-")},
	{"Photoshop", begins("8BPS")},
	{"gzip", begins("\x1f\x8b")},
	{"SVG", text("<svg")},
	{"SVG", svg},
	{"HTML", text("<!doctype html", "<html", "<head", "<body", "<script", "<title", "<meta", "<!--")},
	{"XML", text("<?xml", "<!doctype", "<")},
	{"JSON", text("{", "[")},
}

const unsupported = "not an image of a supported format (JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC)"

func describe(src []byte) string {
	if name := stranger(src); name != "" {
		return fmt.Sprintf("%s: it looks like %s", unsupported, name)
	}
	return fmt.Sprintf("%s: it begins with % x", unsupported, src[:min(8, len(src))])
}

// stranger is what src looks like, if that is one of the strangers.
func stranger(src []byte) string {
	for _, s := range strangers {
		if s.magic(src) {
			return s.name
		}
	}
	return ""
}

// svg recognises one behind an XML declaration or a comment.
func svg(src []byte) bool {
	return text("<?xml", "<!doctype svg", "<!--")(src) && bytes.Contains(src[:min(2048, len(src))], []byte("<svg"))
}

// netpbm recognises PBM, PGM, PPM and PAM.
func netpbm(src []byte) bool {
	return len(src) > 2 && src[0] == 'P' && src[1] >= '1' && src[1] <= '7' && bytes.IndexByte([]byte(" \t\r\n"), src[2]) >= 0
}

func begins(magic string) func([]byte) bool {
	return func(src []byte) bool { return bytes.HasPrefix(src, []byte(magic)) }
}

// riff recognises a RIFF file of a form, such as "WEBP".
func riff(form string) func([]byte) bool {
	return func(src []byte) bool {
		return len(src) >= 12 && string(src[:4]) == "RIFF" && string(src[8:12]) == form
	}
}

// box recognises an ISO base media file by its major brand.
func box(brands ...string) func([]byte) bool {
	return func(src []byte) bool {
		if len(src) < 12 || string(src[4:8]) != "ftyp" {
			return false
		}
		for _, b := range brands {
			if string(src[8:12]) == b {
				return true
			}
		}
		return false
	}
}

// text recognises markup by how it begins, after a byte order mark and space.
func text(starts ...string) func([]byte) bool {
	return func(src []byte) bool {
		head := bytes.TrimPrefix(src[:min(512, len(src))], []byte("\xef\xbb\xbf"))
		head = bytes.ToLower(bytes.TrimLeft(head, " \t\r\n"))
		for _, s := range starts {
			if bytes.HasPrefix(head, []byte(s)) {
				return true
			}
		}
		return false
	}
}

func corrupt(format string, args ...any) *pipeline.RowError {
	return pipeline.Fail(pipeline.Corrupt, format, args...)
}

func truncated(format string, args ...any) *pipeline.RowError {
	return pipeline.Fail(pipeline.Truncated, format, args...)
}
