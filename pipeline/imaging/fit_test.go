package imaging

import (
	"image"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"

	"sluice/pipeline"
)

func TestFits(t *testing.T) {
	imager()
	wide, tall := photo(400, 200), photo(200, 400)
	white := func(s size) *image.RGBA64 {
		im := image.NewRGBA64(image.Rect(0, 0, s.width, s.height))
		draw.Draw(im, im.Rect, image.White, image.Point{}, draw.Src)
		return im
	}
	crop := func(im *image.RGBA64, x, y, w, h int) image.Image {
		return im.SubImage(image.Rect(x, y, x+w, y+h))
	}
	padded := func(im image.Image, x, y int) image.Image {
		out := white(size{100, 100})
		draw.Draw(out, im.Bounds().Add(image.Pt(x, y)), im, image.Point{}, draw.Src)
		return out
	}
	for _, c := range []struct {
		name string
		src  *image.NRGBA
		fit  pipeline.Fit
		want image.Image
	}{
		{"fill stretches", wide, pipeline.Fill, scaled(wide, size{100, 100})},
		{"cover crops the sides", wide, pipeline.Cover, crop(scaled(wide, size{200, 100}), 50, 0, 100, 100)},
		{"cover crops top and bottom", tall, pipeline.Cover, crop(scaled(tall, size{100, 200}), 0, 50, 100, 100)},
		{"contain pads top and bottom", wide, pipeline.Contain, padded(scaled(wide, size{100, 50}), 0, 25)},
		{"contain pads the sides", tall, pipeline.Contain, padded(scaled(tall, size{50, 100}), 25, 0)},
		{"inside keeps the ratio of a wide image", wide, pipeline.Inside, scaled(wide, size{100, 50})},
		{"inside keeps the ratio of a tall image", tall, pipeline.Inside, scaled(tall, size{50, 100})},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rendered(t, jpegOf(c.src, 95), target(100, 100, c.fit, pipeline.JPEG))
			if mean, worst := difference(t, got, c.want); mean > 2 {
				t.Errorf("differs by %.2f levels on average, %.0f at worst", mean, worst)
			}
		})
	}
	t.Run("contain pads with nothing where that is asked for", func(t *testing.T) {
		for _, format := range []pipeline.Format{pipeline.PNG, pipeline.WebP} {
			to := target(100, 100, pipeline.Contain, format)
			to.Background = pipeline.Transparent
			got := rendered(t, jpegOf(wide, 95), to)
			for _, p := range []struct{ y, alpha int }{{0, 0}, {24, 0}, {25, 255}, {74, 255}, {75, 0}, {99, 0}} {
				if _, _, _, a := got.At(50, p.y).RGBA(); int(a>>8) != p.alpha {
					t.Errorf("%s: alpha is %d in row %d, want %d", format, a>>8, p.y, p.alpha)
				}
			}
		}
	})
	t.Run("inside enlarges", func(t *testing.T) {
		got := rendered(t, pngOf(wide), target(600, 600, pipeline.Inside, pipeline.JPEG))
		if mean, worst := difference(t, got, scaled(wide, size{600, 300})); mean > 3 {
			t.Errorf("differs by %.2f levels on average, %.0f at worst", mean, worst)
		}
	})
}

func TestEverySizeComesOutExact(t *testing.T) {
	imager()
	sides := []int{1, 2, 3, 7, 16, 33, 100, 255, 257, 513}
	for _, w := range sides {
		for _, h := range sides {
			src := jpegOf(photo(w, h), 80)
			for _, s := range []size{{1, 1}, {64, 64}, {256, 3}, {31, 300}} {
				for _, fit := range []pipeline.Fit{pipeline.Fill, pipeline.Cover, pipeline.Contain} {
					got := rendered(t, src, target(s.width, s.height, fit, pipeline.JPEG))
					if sizeOf(got) != s {
						t.Errorf("%dx%d %s to %v is %v", w, h, fit, s, sizeOf(got))
					}
				}
				got := sizeOf(rendered(t, src, target(s.width, s.height, pipeline.Inside, pipeline.JPEG)))
				if got.width > s.width || got.height > s.height || got.width != s.width && got.height != s.height {
					t.Errorf("%dx%d inside %v is %v", w, h, s, got)
				}
			}
		}
	}
}

func TestExtremeRatiosLeaveAPixel(t *testing.T) {
	imager()
	for _, s := range []size{{1, 3000}, {3000, 1}, {1, 60000}, {60000, 1}} {
		im := image.NewGray(image.Rect(0, 0, s.width, s.height))
		for i := range im.Pix {
			im.Pix[i] = 128
		}
		all := [][]byte{jpegOf(im, 80), withExif(jpegOf(im, 80), 6), pngOf(im), gifOf(im), goTIFF(im, tiff.Deflate)}
		if max(s.width, s.height) < 16384 {
			all = append(all, webpOf(im, true, vips.WebpExportParams{Quality: 80}), avifOf(im, true, vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 0}))
		}
		for _, src := range all {
			for _, fit := range []pipeline.Fit{pipeline.Fill, pipeline.Cover, pipeline.Contain, pipeline.Inside} {
				for _, format := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
					got := rendered(t, src, target(256, 256, fit, format))
					if got.Bounds().Dx() < 1 || got.Bounds().Dy() < 1 {
						t.Errorf("%v %s to %s: %v", s, fit, format, got.Bounds())
					}
				}
			}
		}
	}
}
