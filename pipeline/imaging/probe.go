package imaging

import (
	"bytes"
	"fmt"

	"sluice/pipeline"
)

// maxSide is the largest width or height that libvips handles (VIPS_MAX_COORD).
const maxSide = 10_000_000

// formats is the allow-list, by the bytes that each format begins with. read
// gets the whole file; its errors are *pipeline.RowError.
var formats = []struct {
	name  string
	magic func(src []byte) bool
	read  func(src []byte) (pipeline.Header, error)
}{
	{"jpeg", begins("\xff\xd8\xff"), readJPEG},
	{"png", begins("\x89PNG\r\n\x1a\n"), readPNG},
	{"webp", riff("WEBP"), readWebP},
}

// Probe reads the header of src, and checks that its end is there.
func (m *Imager) Probe(src []byte) (pipeline.Header, error) {
	if len(src) == 0 {
		return pipeline.Header{}, pipeline.Fail(pipeline.Empty, "no bytes")
	}
	for _, f := range formats {
		if !f.magic(src) {
			continue
		}
		h, err := f.read(src)
		if err != nil {
			return pipeline.Header{}, err
		}
		h.Format = f.name
		return h, m.checkSize(h)
	}
	return pipeline.Header{}, pipeline.Fail(pipeline.Unsupported, "%s", describe(src))
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
	{"GIF", begins("GIF8")},
	{"TIFF", begins("II*\x00")},
	{"TIFF", begins("MM\x00*")},
	{"BMP", begins("BM")},
	{"AVIF", box("avif", "avis")},
	{"HEIC", box("heic", "heix", "heim", "heis", "mif1", "msf1")},
	{"MP4 video", box("isom", "iso2", "mp41", "mp42", "M4V ", "qt  ")},
	{"JPEG XL", begins("\x00\x00\x00\x0cJXL ")},
	{"JPEG XL", begins("\xff\x0a")},
	{"JPEG 2000", begins("\x00\x00\x00\x0cjP  ")},
	{"icon", begins("\x00\x00\x01\x00")},
	{"PDF", begins("%PDF-")},
	{"Photoshop", begins("8BPS")},
	{"gzip", begins("\x1f\x8b")},
	{"SVG", text("<svg")},
	{"HTML", text("<!doctype html", "<html", "<head", "<body", "<script", "<title", "<meta", "<!--")},
	{"XML", text("<?xml", "<!doctype", "<")},
	{"JSON", text("{", "[")},
}

func describe(src []byte) string {
	for _, s := range strangers {
		if s.magic(src) {
			return fmt.Sprintf("not an image of a supported format (JPEG, PNG, WebP): it looks like %s", s.name)
		}
	}
	return fmt.Sprintf("not an image of a supported format (JPEG, PNG, WebP): it begins with % x", src[:min(8, len(src))])
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
