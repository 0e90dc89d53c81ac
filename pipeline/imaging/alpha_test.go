package imaging

import (
	"image"
	"image/color"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"

	"sluice/pipeline"
)

func TestAlphaGoesOverWhiteWithoutAFringe(t *testing.T) {
	imager()
	// An opaque red disc in a sea of transparent black: what is averaged without
	// regard to alpha turns its edge dark.
	im := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	for y := range 400 {
		for x := range 400 {
			if (x-200)*(x-200)+(y-200)*(y-200) < 150*150 {
				im.SetNRGBA(x, y, color.NRGBA{220, 40, 40, 255})
			}
		}
	}
	deep := image.NewNRGBA64(im.Rect)
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	binary := image.NewPaletted(im.Rect, color.Palette{color.Transparent, color.NRGBA{220, 40, 40, 255}})
	draw.Draw(binary, binary.Rect, im, image.Point{}, draw.Src)
	for name, src := range map[string][]byte{
		"GIF":           gifOf(binary),
		"TIFF":          exported(im, false, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) { return v.ExportTiff(nil) }),
		"AVIF":          avifOf(im, false, vips.AvifExportParams{Lossless: true, Bitdepth: 8, Effort: 1}),
		"PNG":           pngOf(im),
		"16-bit PNG":    pngOf(deep),
		"WebP":          webpOf(im, false, vips.WebpExportParams{Quality: 100, ReductionEffort: 2}),
		"lossless WebP": webpOf(im, false, vips.WebpExportParams{Lossless: true, ReductionEffort: 2}),
	} {
		t.Run(name, func(t *testing.T) {
			want := scaled(im, size{97, 97})
			got := rendered(t, src, target(97, 97, pipeline.Fill, pipeline.JPEG))
			if mean, worst := difference(t, got, onWhite(want)); mean > 1.5 || worst > 40 {
				t.Errorf("on white: differs by %.2f levels on average, %.0f at worst", mean, worst)
			}
			for _, format := range []pipeline.Format{pipeline.PNG, pipeline.WebP} {
				to := target(97, 97, pipeline.Fill, format)
				to.Background = pipeline.Transparent
				got := rendered(t, src, to)
				if mean, worst := difference(t, got, want); mean > 1.5 || worst > 40 {
					t.Errorf("%s: differs by %.2f levels on average, %.0f at worst", format, mean, worst)
				}
			}
		})
	}
}
