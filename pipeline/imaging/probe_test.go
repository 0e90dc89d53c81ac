package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"github.com/google/go-cmp/cmp"

	"sluice/pipeline"
)

func TestProbeReadsHeaders(t *testing.T) {
	imager()
	im := photo(60, 40)
	grey := image.NewGray(im.Rect)
	draw.Draw(grey, grey.Rect, im, image.Point{}, draw.Src)
	palette := image.NewPaletted(im.Rect, color.Palette{color.Transparent, color.Black})
	webp := webpOf(im, true, vips.WebpExportParams{Quality: 80})
	arithmetic := bytes.Replace(progressiveJPEG(im, vips.VipsForeignSubsampleOn), []byte{0xff, markerSOF2}, []byte{0xff, markerSOFA}, 1)
	scans := []byte("\xff\xd8\xff\xc0\x00\x11\x08\x00\x28\x00\x3c\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00data\xff\xd9")
	jpeg := pipeline.Header{Format: "jpeg", Width: 60, Height: 40, Bands: 3, Depth: 8}
	png := pipeline.Header{Format: "png", Width: 60, Height: 40, Bands: 3, Depth: 8}
	webpHeader := pipeline.Header{Format: "webp", Width: 60, Height: 40, Bands: 3, Depth: 8}
	with := func(h pipeline.Header, change func(h *pipeline.Header)) pipeline.Header {
		change(&h)
		return h
	}
	for _, c := range []struct {
		name string
		src  []byte
		want pipeline.Header
	}{
		{"baseline JPEG", jpegOf(im, 80), with(jpeg, func(h *pipeline.Header) { h.Subsampled = true })},
		{"grey JPEG", jpegOf(grey, 80), with(jpeg, func(h *pipeline.Header) { h.Bands = 1 })},
		{"progressive JPEG", progressiveJPEG(im, vips.VipsForeignSubsampleOn), with(jpeg, func(h *pipeline.Header) { h.Progressive, h.Subsampled = true, true })},
		{"progressive JPEG 4:4:4", progressiveJPEG(im, vips.VipsForeignSubsampleOff), with(jpeg, func(h *pipeline.Header) { h.Progressive = true })},
		{"arithmetic JPEG", arithmetic, with(jpeg, func(h *pipeline.Header) { h.Progressive, h.Subsampled = true, true })},
		// Decoding it takes as much memory as a progressive one.
		{"JPEG of a scan a component", scans, with(jpeg, func(h *pipeline.Header) { h.Progressive = true })},
		{"CMYK JPEG", cmykJPEG(im), with(jpeg, func(h *pipeline.Header) { h.Bands, h.Orientation = 4, 1 })},
		{"JPEG on its side", withExif(jpegOf(im, 80), 6), with(jpeg, func(h *pipeline.Header) { h.Subsampled, h.Orientation = true, 6 })},
		{"JPEG with an orientation of 9", withExif(jpegOf(im, 80), 9), with(jpeg, func(h *pipeline.Header) { h.Subsampled = true })},
		{"PNG", pngOf(im), png},
		{"PNG with alpha", pngOf(half(im)), with(png, func(h *pipeline.Header) { h.Bands, h.Alpha = 4, true })},
		{"PNG with a transparent colour", pngOf(palette), with(png, func(h *pipeline.Header) { h.Bands, h.Depth, h.Alpha = 4, 1, true })},
		{"16-bit grey PNG", pngOf(image.NewGray16(im.Rect)), with(png, func(h *pipeline.Header) { h.Bands, h.Depth = 1, 16 })},
		{"interlaced PNG", interlacedPNG(im), with(png, func(h *pipeline.Header) { h.Progressive = true })},
		{"PNG on its head", withChunk(pngOf(image.NewGray(im.Rect)), "eXIf", exif(binary.LittleEndian, 3)), with(png, func(h *pipeline.Header) { h.Bands, h.Orientation = 1, 3 })},
		{"WebP", webp, webpHeader},
		{"WebP with alpha", webpOf(half(im), false, vips.WebpExportParams{Quality: 80}), with(webpHeader, func(h *pipeline.Header) { h.Bands, h.Alpha = 4, true })},
		{"lossless WebP", webpOf(im, true, vips.WebpExportParams{Lossless: true}), with(webpHeader, func(h *pipeline.Header) { h.Lossless = true })},
		{"lossless WebP with alpha", webpOf(half(im), false, vips.WebpExportParams{Lossless: true}), with(webpHeader, func(h *pipeline.Header) { h.Lossless, h.Bands, h.Alpha = true, 4, true })},
		{"WebP on its side", extendedWebP(webp, 60, 40, exif(binary.BigEndian, 8)), with(webpHeader, func(h *pipeline.Header) { h.Orientation = 8 })},
		{"WebP with bytes after its end", append(bytes.Clone(webp), "junk"...), webpHeader},
	} {
		got, err := imager().Probe(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

func TestProbeRefuses(t *testing.T) {
	im := photo(60, 40)
	jpeg, png := jpegOf(im, 80), pngOf(im)
	frame := bytes.Index(jpeg, []byte{0xff, markerSOF0})
	sized := func(src []byte, at int, order binary.AppendByteOrder, bytesEach int, width, height uint32) []byte {
		out := bytes.Clone(src)
		for i, v := range []uint32{width, height} {
			if bytesEach == 2 {
				binary.BigEndian.PutUint16(out[at+2*i:], uint16(v))
			} else {
				binary.BigEndian.PutUint32(out[at+4*i:], v)
			}
		}
		return out
	}
	marked := func(marker byte) []byte {
		out := bytes.Clone(jpeg)
		out[frame+1] = marker
		return out
	}
	shallow := bytes.Clone(png)
	shallow[24] = 0
	deep := bytes.Clone(jpeg)
	deep[frame+4] = 12
	for _, c := range []struct {
		name  string
		src   []byte
		class pipeline.Class
		says  string
	}{
		{"nothing", nil, pipeline.Empty, ""},
		{"an HTML page", []byte("\n <!DOCTYPE html><html><body>404"), pipeline.Unsupported, "looks like HTML"},
		{"an HTML page with a byte order mark", []byte("\xef\xbb\xbf<HTML>"), pipeline.Unsupported, "looks like HTML"},
		{"an SVG", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), pipeline.Unsupported, "looks like SVG"},
		{"an SVG behind a declaration", []byte("<?xml version='1.0'?>\n<svg/>"), pipeline.Unsupported, "looks like SVG"},
		{"a PDF", []byte("%PDF-1.7\n\xff\xd8\xff\xe0"), pipeline.Unsupported, "looks like PDF"},
		{"a JPEG 2000", []byte("\x00\x00\x00\x0cjP  \r\n\x87\n"), pipeline.Unsupported, "looks like JPEG 2000"},
		{"a stream of JPEG 2000", []byte("\xff\x4f\xff\x51"), pipeline.Unsupported, "looks like JPEG 2000"},
		{"a BMP", []byte("BM\x00\x00\x00\x00"), pipeline.Unsupported, "looks like BMP"},
		{"a Photoshop file", []byte("8BPS\x00\x01"), pipeline.Unsupported, "looks like Photoshop"},
		{"a JPEG XL", []byte("\xff\x0a\x00\x00"), pipeline.Unsupported, "looks like JPEG XL"},
		{"a Netpbm", []byte("P6\n1 1\n255\n"), pipeline.Unsupported, "looks like Netpbm"},
		{"a BigTIFF", []byte("II+\x00\x08\x00\x00\x00"), pipeline.Unsupported, "looks like BigTIFF"},
		{"a video", []byte("\x00\x00\x00\x20ftypisom\x00\x00\x00\x00"), pipeline.Unsupported, "looks like MP4"},
		{"a GIF's beginning", []byte("GIF89a\x01\x00\x01\x00"), pipeline.Truncated, "header of a GIF"},
		{"a GIF without an image", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), pipeline.Corrupt, "without an image"},
		{"an AVIF's beginning", []byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00"), pipeline.Truncated, "ends within"},
		{"a TIFF's beginning", []byte("II*\x00\x08\x00\x00\x00"), pipeline.Truncated, "header of a TIFF"},
		{"a TIFF whose directory is elsewhere", []byte("MM\x00*\x00\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), pipeline.Truncated, "behind its end"},
		{"what hangs libvips' own sniffer", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00abcdefgh"), pipeline.Unsupported, "looks like gzip"},
		{"some text", []byte("not found"), pipeline.Unsupported, "begins with 6e 6f"},
		{"one byte", []byte{0xff}, pipeline.Unsupported, "begins with ff"},
		{"a RIFF file of sound", []byte("RIFF\x24\x00\x00\x00WAVEfmt "), pipeline.Unsupported, ""},
		{"a JPEG of no height", sized(jpeg, frame+5, binary.BigEndian, 2, 0, 60), pipeline.Corrupt, "60 x 0"},
		{"a JPEG of too many pixels", sized(jpeg, frame+5, binary.BigEndian, 2, 65000, 65000), pipeline.TooManyPixels, "4225.0 million"},
		{"a lossless JPEG", marked(0xC3), pipeline.Unsupported, "lossless"},
		{"a JPEG of 12 bits", deep, pipeline.Unsupported, "12 bits"},
		{"a JPEG without a frame", marked(0xE5), pipeline.Corrupt, ""},
		{"a JPEG with nothing in it", []byte("\xff\xd8\xff\xd9"), pipeline.Corrupt, ""},
		{"a PNG of no width", sized(png, 16, binary.BigEndian, 4, 0, 40), pipeline.Corrupt, "0 x 40"},
		// 65,536 x 65,536 is 0 in 32 bits.
		{"a PNG that wraps", sized(png, 16, binary.BigEndian, 4, 1<<16, 1<<16), pipeline.TooManyPixels, "4295.0 million"},
		{"a PNG of no depth", shallow, pipeline.Corrupt, "0 bits"},
		{"a PNG of absurd width", sized(png, 16, binary.BigEndian, 4, 1<<31, 1), pipeline.Corrupt, ""},
		{"a PNG that begins with another chunk", append(bytes.Clone(png[:8]), png[33:]...), pipeline.Corrupt, ""},
		{"a WebP without an image", []byte("RIFF\x04\x00\x00\x00WEBP"), pipeline.Corrupt, ""},
	} {
		_, err := imager().Probe(c.src)
		re, ok := pipeline.AsRowError(err)
		if !ok || re.Class != c.class || !strings.Contains(re.Message, c.says) {
			t.Errorf("%s: %v; want %s, %q", c.name, err, c.class, c.says)
		}
	}
}

func TestMaxPixelsIsTheLastThatIsTaken(t *testing.T) {
	src := pngOf(image.NewGray(image.Rect(0, 0, 10, 10)))
	for limit, want := range map[uint64]bool{99: false, 100: true, 101: true} {
		m := must(New(&Options{MaxPixels: limit}))
		if _, err := m.Probe(src); (err == nil) != want {
			t.Errorf("100 pixels of %d: %v", limit, err)
		}
	}
}
