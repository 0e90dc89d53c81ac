package imaging

import (
	"cmp"
	"encoding/binary"
	"strings"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// encode writes no metadata unless t keeps them, and a JPEG's rows from top to
// bottom: a progressive one costs 1.2 times the CPU of the whole job.
func encode(im *vips.ImageRef, t pipeline.Target) ([]byte, error) {
	switch {
	case t.KeepMetadata:
		if err := prune(im); err != nil {
			return nil, err
		}
	case t.Format == pipeline.WebP:
		// libvips 8.14 does not hear that a WebP's metadata are to be stripped.
		// Without the source's, whose faults would fail it, it makes up some.
		if err := im.RemoveMetadata(); err != nil {
			return nil, err
		}
	}
	switch t.Format {
	case pipeline.PNG:
		p := vips.NewPngExportParams()
		p.StripMetadata = !t.KeepMetadata
		out, _, err := im.ExportPng(p)
		return out, err
	case pipeline.WebP:
		p := vips.NewWebpExportParams()
		p.StripMetadata = !t.KeepMetadata
		p.Quality = t.Quality
		out, _, err := im.ExportWebp(p)
		if err != nil || t.KeepMetadata {
			return out, err
		}
		return bareWebP(out), nil
	default: // JPEG
		out, _, err := im.ExportJpeg(&vips.JpegExportParams{Quality: t.Quality, StripMetadata: !t.KeepMetadata})
		return out, err
	}
}

// prune leaves Exif, XMP and IPTC of im's metadata. libvips writes Exif from its
// block and from a field for each tag. The profile goes, for the pixels are sRGB.
func prune(im *vips.ImageRef) error {
	var keep []string
	exif := false
	for _, f := range im.ImageFields() {
		if strings.HasPrefix(f, "exif-") || f == "xmp-data" || f == "iptc-data" {
			keep = append(keep, f)
			exif = exif || f == "exif-data"
		}
	}
	if err := cmp.Or(im.RemoveMetadata(keep...), im.RemoveICCProfile()); err != nil {
		return err
	}
	if !exif { // nor would there be any for the sake of an orientation
		return im.RemoveOrientation()
	}
	return im.SetOrientation(1)
}

// bareWebP is a still WebP with nothing but the image in it: RFC 9649, section
// 2.7. What has alpha in a chunk of its own keeps the extended header.
func bareWebP(src []byte) []byte {
	out := append(make([]byte, 0, len(src)), src[:12]...)
	var extended, alpha []byte
	for kind, body := range riffChunks(src[12:]) {
		switch kind {
		case "VP8X":
			extended = append([]byte{0x10, 0, 0, 0}, body[4:10]...)
		case "ALPH":
			alpha = body
		case "VP8 ", "VP8L":
			if alpha != nil {
				out = appendChunk(out, "VP8X", extended)
				out = appendChunk(out, "ALPH", alpha)
			}
			out = appendChunk(out, kind, body)
		}
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func appendChunk(out []byte, kind string, body []byte) []byte {
	out = binary.LittleEndian.AppendUint32(append(out, kind...), uint32(len(body)))
	out = append(out, body...)
	return append(out, make([]byte, len(body)&1)...)
}
