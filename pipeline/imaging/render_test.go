package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"

	"sluice/pipeline"
)

func target(width, height int, fit pipeline.Fit, format pipeline.Format) pipeline.Target {
	return pipeline.Target{Width: width, Height: height, Fit: fit, Format: format, Quality: 95}
}

// rendered probes and renders src, which must work.
func rendered(t testing.TB, src []byte, target pipeline.Target) image.Image {
	t.Helper()
	h, err := imager().Probe(src)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	out, err := imager().Render(context.Background(), src, h, target)
	if err != nil {
		t.Fatalf("render: %v", err)
	}
	im := decode(t, out.Bytes)
	if s := im.Bounds().Size(); s.X != out.Width || s.Y != out.Height {
		t.Errorf("the rendition says %dx%d and is %v", out.Width, out.Height, s)
	}
	return im
}

func TestEveryFormatLooksLikeAFullDecodeAndResize(t *testing.T) {
	imager()
	im := photo(240, 192)
	grey := image.NewGray(im.Rect)
	draw.Draw(grey, grey.Rect, im, image.Point{}, draw.Src)
	deep := image.NewRGBA64(im.Rect)
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	deepGrey := image.NewGray16(im.Rect)
	draw.Draw(deepGrey, deepGrey.Rect, im, image.Point{}, draw.Src)
	palette := image.NewPaletted(im.Rect, color.Palette{color.Black, color.White, color.NRGBA{200, 30, 30, 255}, color.NRGBA{30, 90, 200, 255}})
	draw.Draw(palette, palette.Rect, im, image.Point{}, draw.Src)
	black := image.NewPaletted(im.Rect, color.Palette{color.Black, color.White})
	draw.Draw(black, black.Rect, im, image.Point{}, draw.Src)

	for _, c := range []struct {
		name string
		src  []byte
		like image.Image // what it shows; nil is what Go decodes
		// The tolerance: shrinking in the decoder, chroma, and one more JPEG.
		mean float64
	}{
		{"baseline JPEG", jpegOf(im, 90), nil, 1.5},
		{"grey JPEG", jpegOf(grey, 90), nil, 1.5},
		{"progressive JPEG", progressiveJPEG(im, vips.VipsForeignSubsampleOn), nil, 1.5},
		{"JPEG 4:4:4", progressiveJPEG(im, vips.VipsForeignSubsampleOff), nil, 1.5},
		// Out of sRGB and back over a printer's inks, whose gamut is smaller.
		{"CMYK JPEG", cmykJPEG(im), im, 8},
		{"PNG", pngOf(im), nil, 1.5},
		{"interlaced PNG", interlacedPNG(im), im, 1.5},
		{"16-bit PNG", pngOf(deep), nil, 1.5},
		{"grey PNG", pngOf(grey), nil, 1.5},
		{"16-bit grey PNG", pngOf(deepGrey), nil, 1.5},
		{"PNG with a palette", pngOf(palette), nil, 1.5},
		{"PNG of one bit", pngOf(black), nil, 1.5},
		{"WebP", webpOf(im, true, vips.WebpExportParams{Quality: 95, ReductionEffort: 2}), im, 2.5},
		{"lossless WebP", webpOf(im, true, vips.WebpExportParams{Lossless: true, ReductionEffort: 0}), im, 2.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.like == nil {
				c.like = decode(t, c.src)
			}
			// With and without the decoder's help.
			for _, s := range []size{{60, 48}, {150, 101}} {
				got := rendered(t, c.src, target(s.width, s.height, pipeline.Fill, pipeline.PNG))
				if mean, worst := difference(t, got, scaled(c.like, s)); mean > c.mean {
					t.Errorf("to %v: differs by %.2f levels on average, %.0f at worst; %.1f is allowed", s, mean, worst, c.mean)
				}
			}
		})
	}
}

// What shrinking in the decoder costs: facts of libjpeg's and libwebp's filters,
// on an image with more noise than most photographs have.
func TestThumbnailsAreAsGoodAsOfAFullDecode(t *testing.T) {
	imager()
	im := photo(1024, 768)
	to := size{256, 256}
	for _, c := range []struct {
		name string
		src  []byte
		full image.Image
	}{
		{"JPEG", jpegOf(im, 90), nil},
		{"lossless WebP", webpOf(im, true, vips.WebpExportParams{Lossless: true, ReductionEffort: 0}), im},
		{"PNG", pngOf(im), im},
	} {
		if c.full == nil {
			c.full = decode(t, c.src)
		}
		got := rendered(t, c.src, target(to.width, to.height, pipeline.Fill, pipeline.PNG))
		s := similarity(t, got, scaled(c.full, to))
		t.Logf("%s: SSIM %.4f", c.name, s)
		if s < 0.99 {
			t.Errorf("%s: SSIM is %.4f", c.name, s)
		}
	}
}

func TestOfAnAnimationTheFirstFrameIsTaken(t *testing.T) {
	imager()
	first, second := photo(64, 48), photo(48, 64)
	both := image.NewNRGBA(image.Rect(0, 0, 64, 96))
	draw.Draw(both, image.Rect(0, 0, 64, 48), first, image.Point{}, draw.Src)
	draw.Draw(both, image.Rect(0, 48, 64, 96), second, image.Point{}, draw.Src)
	src := exported(both, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		if err := v.SetPageHeight(48); err != nil {
			return nil, nil, err
		}
		return v.ExportWebp(&vips.WebpExportParams{Lossless: true})
	})
	if !bytes.Contains(src, []byte("ANMF")) {
		t.Fatal("not an animation")
	}
	for _, format := range []pipeline.Format{pipeline.JPEG, pipeline.WebP} {
		got := rendered(t, src, target(32, 24, pipeline.Cover, format))
		if mean, worst := difference(t, got, scaled(first, size{32, 24})); mean > 3 {
			t.Errorf("%s: differs by %.2f levels on average, %.0f at worst", format, mean, worst)
		}
	}
}

func TestRenditionsAreBaselineAndHoldNoMetadata(t *testing.T) {
	imager()
	src := withExif(withSegment(jpegOf(photo(300, 200), 90), 0xFE, []byte("a comment")), 3)
	h, err := imager().Probe(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
		out, err := imager().Render(t.Context(), src, h, target(64, 64, pipeline.Fill, format))
		if err != nil {
			t.Fatal(err)
		}
		got, err := imager().Probe(out.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if got.Format != string(format) || got.Bands != 3 || got.Depth != 8 || got.Progressive || got.Orientation != 0 || got.Alpha {
			t.Errorf("%s: %+v", format, got)
		}
		for _, s := range []string{"Exif", "EXIF", "eXIf", "comment", "ICC", "iCCP"} {
			if bytes.Contains(out.Bytes, []byte(s)) {
				t.Errorf("%s: holds %q", format, s)
			}
		}
	}
}

func TestRenderLooksAtItsContextFirst(t *testing.T) {
	src := jpegOf(photo(30, 20), 90)
	h := must(imager().Probe(src))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := imager().Render(ctx, src, h, target(8, 8, pipeline.Fill, pipeline.JPEG)); !errors.Is(err, context.Canceled) {
		t.Errorf("err is %v", err)
	}
}

func TestRendersSideBySide(t *testing.T) {
	im := photo(500, 300)
	srcs := [][]byte{
		jpegOf(im, 85), withExif(jpegOf(im, 85), 6), progressiveJPEG(im, vips.VipsForeignSubsampleOn), pngOf(half(im)),
		webpOf(im, true, vips.WebpExportParams{Quality: 80}), jpegOf(im, 85)[:9000],
	}
	want := make([][]byte, len(srcs))
	render := func(i int) []byte {
		h, err := imager().Probe(srcs[i])
		if err != nil {
			return nil
		}
		out, err := imager().Render(t.Context(), srcs[i], h, target(100, 100, pipeline.Cover, pipeline.JPEG))
		if err != nil && h.Truncated == "" {
			t.Error(err)
		}
		return out.Bytes
	}
	for i := range srcs {
		want[i] = render(i)
	}
	t.Run("eight at a time", func(t *testing.T) {
		for w := range 8 {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				t.Parallel()
				for n := range 30 {
					i := (n + w) % len(srcs)
					if !bytes.Equal(render(i), want[i]) {
						t.Errorf("source %d renders differently in company", i)
					}
				}
			})
		}
	})
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}
