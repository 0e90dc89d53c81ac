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

	{Name: "PNG bomb, 65535x65535", Class: pipeline.TooManyPixels, Body: func() []byte { return pngBomb(65535) }},
	{Name: "JPEG, 65500x65500", Class: pipeline.TooManyPixels, Body: func() []byte {
		b := flatJPEG(8, 8, 3, true)
		return bytes.Replace(b, []byte{8, 0, 8, 0, 8, 3}, []byte{8, 0xff, 0xdc, 0xff, 0xdc, 3}, 1)
	}},
	{Name: "JPEG, cut", Class: pipeline.Truncated, Body: func() []byte { return photo()[:len(photo())*2/3] }},
	{Name: "JPEG, cut in its header", Class: pipeline.Truncated, Body: func() []byte { return photo()[:40] }},
	{Name: "PNG, cut", Class: pipeline.Truncated, Body: func() []byte { b := pngOf(picture(200, 200)); return b[:len(b)/2] }},
	{Name: "PNG, damaged", Class: pipeline.Corrupt, Body: func() []byte {
		b := pngOf(picture(200, 200))
		for i := len(b) / 2; i < len(b)/2+64; i++ {
			b[i] ^= 0x5a
		}
		return b
	}},
	{Name: "gzip that hangs libvips", Class: pipeline.Unsupported, Body: hangingGzip},
	{Name: "JPEG 2000, malformed", Class: pipeline.Unsupported, Body: text("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00\x00\x14ftypjp2 \xff\xff\xff\xff\xff\x4f\xff\x51\x00\x02")},
	{Name: "JPEG 2000, a codestream", Class: pipeline.Unsupported, Body: text("\xff\x4f\xff\x51\x00\x2f\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")},
	{Name: "SVG", Class: pipeline.Unsupported, Body: text(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>`)},
	{Name: "PDF", Class: pipeline.Unsupported, Body: text("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF")},
	{Name: "PostScript", Class: pipeline.Unsupported, Body: text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")},
	{Name: "MVG", Class: pipeline.Unsupported, Body: text("push graphic-context\nimage over 0,0 9,9 'https://example.org/\"|ls\"'\npop graphic-context\n")},
	{Name: "BMP", Class: pipeline.Unsupported, Body: bmpOf},
	{Name: "HTML named .jpg", Class: pipeline.Unsupported, Path: "/photo.jpg", Body: text("<!DOCTYPE html><html><body>gone</body></html>")},
	{Name: "a JPEG's first bytes", Class: pipeline.Truncated, Body: text("\xff\xd8\xff")},
}
