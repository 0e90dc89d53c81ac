package hostile

import (
	"bytes"

	"sluice/pipeline"
)

func text(s string) func() []byte { return func() []byte { return []byte(s) } }

// images are files that are not what they say, or more than they look.
var images = []Case{
	{Name: "PNG, 16 bit", Body: deepPNG},
	{Name: "PNG, 1x1", Body: func() []byte { return pngOf(picture(1, 1)) }},
	{Name: "JPEG, CMYK", Body: func() []byte { return flatJPEG(64, 48, 4, false) }},
	{Name: "JPEG, grey", Body: func() []byte { return flatJPEG(64, 48, 1, false) }},
	{Name: "JPEG, progressive, 40 MP", Body: func() []byte { return flatJPEG(8000, 5000, 3, true) }},
	{Name: "JPEG after junk", Body: func() []byte { return append([]byte("\r\n"), photo()...) }},
	{Name: "JPEG before junk", Body: func() []byte { return append(bytes.Clone(photo()), "junk"...) }},
	{Name: "JPEG with odd EXIF", Body: func() []byte {
		return bytes.Join([][]byte{photo()[:2], []byte("\xff\xe1\x00\x10Exif\x00\x00MM\x00*\xff\xff\xff\xff"), photo()[2:]}, nil)
	}},
	{Name: "PNG named .jpg", Path: "/a.jpg", Body: func() []byte { return pngOf(picture(32, 32)) }},
	{Name: "GIF, animated", Body: animation},
	{Name: "TIFF", Body: tiffOf},

	{Name: "PNG, interlaced", Body: stored("interlaced.png")},
	{Name: "JPEG, arithmetic", Body: stored("arithmetic.jpg")},
	{Name: "JPEG, YCCK", Body: stored("ycck.jpg")},
	{Name: "PNG that says it is small", Body: lyingPNG}, // what is too much is left, as viewers do
	{Name: "WebP", Body: stored("plain.webp")},
	{Name: "WebP, lossless", Body: stored("lossless.webp")},
	{Name: "AVIF", Body: stored("444.avif")},
	{Name: "AVIF, animated", Body: stored("animated.avif")},
	{Name: "HEIC", Body: stored("plain.heic")},

	// What its decoder does not survive, or should not be given.
	{Name: "JPEG, of scans without end", Class: pipeline.DecoderTimeout, Body: func() []byte { return manyScans(4000, 2000, 60_000) }},
	{Name: "JPEG, progressive, 64 MP", Class: pipeline.OverBudget, Body: func() []byte { return flatJPEG(9000, 7200, 3, true) }},
	{Name: "WebP that says it is small", Class: pipeline.Corrupt, Body: changed(stored("plain.webp"), "\x9d\x01\x2a\x30\x00", "\x9d\x01\x2a\x08\x00")},
	{Name: "AVIF that says it is small", Class: pipeline.Corrupt, Body: changed(stored("444.avif"), "ispe\x00\x00\x00\x00\x00\x00\x00\x30", "ispe\x00\x00\x00\x00\x00\x00\x00\x08")},
	{Name: "AVIF that swells", Class: pipeline.DecoderCrash, Body: changed(stored("33-megapixels.avif"), "ispe\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x10\x00", "ispe\x00\x00\x00\x00\x00\x00\x00\x30\x00\x00\x00\x20")},
	{Name: "AVIF that says it is large", Class: pipeline.OverBudget, Body: changed(stored("444.avif"), "ispe\x00\x00\x00\x00\x00\x00\x00\x30\x00\x00\x00\x20", "ispe\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x20\x00")},
	{Name: "WebP, cut", Class: pipeline.Truncated, Body: cut(stored("plain.webp"))},
	{Name: "WebP, damaged", Class: pipeline.Corrupt, Body: damaged(stored("lossless.webp"))},
	{Name: "AVIF, cut", Class: pipeline.Truncated, Body: cut(stored("444.avif"))},
	{Name: "AVIF, damaged", Class: pipeline.Corrupt, Body: damaged(stored("444.avif"))},
	{Name: "HEIC, cut", Class: pipeline.Truncated, Body: cut(stored("plain.heic"))},
	{Name: "HEIC, damaged", Class: pipeline.Corrupt, Body: damaged(stored("plain.heic"))},

	{Name: "PNG bomb, 65535x65535", Class: pipeline.TooManyPixels, Body: func() []byte { return pngBomb(65535) }},
	{Name: "JPEG, 65500x65500", Class: pipeline.TooManyPixels, Body: func() []byte {
		b := flatJPEG(8, 8, 3, true)
		return bytes.Replace(b, []byte{8, 0, 8, 0, 8, 3}, []byte{8, 0xff, 0xdc, 0xff, 0xdc, 3}, 1)
	}},
	{Name: "JPEG, cut", Class: pipeline.Truncated, Body: cut(photo)},
	{Name: "JPEG, cut in its header", Class: pipeline.Truncated, Body: func() []byte { return photo()[:40] }},
	{Name: "PNG, cut", Class: pipeline.Truncated, Body: cut(func() []byte { return pngOf(picture(200, 200)) })},
	{Name: "PNG, damaged", Class: pipeline.Corrupt, Body: damaged(func() []byte { return pngOf(picture(200, 200)) })},
	{Name: "gzip that hangs libvips", Class: pipeline.Unsupported, Body: hangingGzip},
	{Name: "JPEG 2000", Class: pipeline.Unsupported, Body: stored("small.jp2")},
	{Name: "JPEG 2000, malformed", Class: pipeline.Unsupported, Body: text("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00\x00\x14ftypjp2 \xff\xff\xff\xff\xff\x4f\xff\x51\x00\x02")},
	{Name: "JPEG 2000 that crashes libvips", Class: pipeline.Unsupported, Body: changed(changed(stored("small.jp2"),
		"\xff\x51\x00\x2f\x00\x00\x00\x00\x00\x30\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x30\x00\x00\x00\x20",
		"\xff\x51\x00\x2f\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x02"),
		"ihdr\x00\x00\x00\x20\x00\x00\x00\x30", "ihdr\x00\x00\x00\x02\x7f\xff\xff\xff")},
	{Name: "JPEG 2000, a codestream", Class: pipeline.Unsupported, Body: text("\xff\x4f\xff\x51\x00\x2f\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")},
	{Name: "SVG", Class: pipeline.Unsupported, Body: text(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>`)},
	{Name: "PDF", Class: pipeline.Unsupported, Body: text("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF")},
	{Name: "PostScript", Class: pipeline.Unsupported, Body: text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")},
	{Name: "MVG", Class: pipeline.Unsupported, Body: text("push graphic-context\nimage over 0,0 9,9 'https://example.org/\"|ls\"'\npop graphic-context\n")},
	{Name: "BMP", Class: pipeline.Unsupported, Body: bmpOf},
	{Name: "HTML named .jpg", Class: pipeline.Unsupported, Path: "/photo.jpg", Body: text("<!DOCTYPE html><html><body>gone</body></html>")},
	{Name: "a JPEG's first bytes", Class: pipeline.Truncated, Body: text("\xff\xd8\xff")},
}
