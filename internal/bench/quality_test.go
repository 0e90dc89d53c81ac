package bench

import (
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/internal/ssim"
)

// BenchmarkQuality measures how like a full decode and Lanczos-3 resize the
// thumbnails are, over the demo's photographs: with the output at quality 100, and at 80, where the encoder's own loss dominates, against that
// reference encoded at 80.
func BenchmarkQuality(b *testing.B) {
	l := newLibrary(b)
	some := allPhotos(b)
	for b.Loop() {
		sum, worst, sum80, behind := 0.0, 1.0, 0.0, 0.0
		for _, p := range some {
			src := readPhoto(b, p)
			full, at80 := fullDecode(b, src)
			s := likeness(b, l.render(b, src, 100), full)
			sum += s
			worst = min(worst, s)
			s80 := likeness(b, l.render(b, src, 80), full)
			sum80 += s80
			behind += likeness(b, at80, full) - s80
		}
		n := float64(len(some))
		b.ReportMetric(sum/n, "ssim-q100")
		b.ReportMetric(worst, "worst-ssim-q100")
		b.ReportMetric(sum80/n, "ssim-q80")
		b.ReportMetric(behind/n, "ssim-q80-below-reference")
		if sum/n < 0.995 || worst < 0.99 || behind/n > 0.002 {
			b.Errorf("SSIM is %.4f on average and %.4f at worst, at quality 80 %.4f below the reference", sum/n, worst, behind/n)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func (l library) render(b *testing.B, src []byte, quality int) []byte {
	b.Helper()
	h, err := l.imager.Probe(src)
	if err != nil {
		b.Fatal(err)
	}
	to := target
	to.Quality = quality
	out, err := l.imager.Render(b.Context(), src, h, to)
	if err != nil {
		b.Fatal(err)
	}
	return out.Bytes
}

// fullDecode is src decoded at its full size and resized with Lanczos-3: without
// loss, and at quality 80.
func fullDecode(b *testing.B, src []byte) (lossless, at80 []byte) {
	b.Helper()
	im, err := vips.LoadImageFromBuffer(src, vips.NewImportParams())
	if err != nil {
		b.Fatal(err)
	}
	defer im.Close()
	x, y := float64(target.Width)/float64(im.Width()), float64(target.Height)/float64(im.Height())
	if err := im.ResizeWithVScale(x, y, vips.KernelLanczos3); err != nil {
		b.Fatal(err)
	}
	if lossless, _, err = im.ExportPng(vips.NewPngExportParams()); err != nil {
		b.Fatal(err)
	}
	if at80, _, err = im.ExportJpeg(&vips.JpegExportParams{Quality: 80, StripMetadata: true}); err != nil {
		b.Fatal(err)
	}
	return lossless, at80
}

func likeness(b *testing.B, got, want []byte) float64 {
	b.Helper()
	s, err := ssim.Index(pixels(b, got), pixels(b, want))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func pixels(b *testing.B, data []byte) image.Image {
	b.Helper()
	im, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	return im
}
