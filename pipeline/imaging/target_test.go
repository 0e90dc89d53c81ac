package imaging

import (
	"bytes"
	"image"
	"image/color"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"

	"sluice/pipeline"
)

func TestPositionsOfACrop(t *testing.T) {
	imager()
	im := photo(300, 200)
	for _, c := range []struct {
		at         pipeline.Position
		wide, tall image.Point // where the crop lies in 150x100, and in 100x150
	}{
		{pipeline.Centre, image.Pt(25, 0), image.Pt(0, 25)},
		{pipeline.Top, image.Pt(25, 0), image.Pt(0, 0)},
		{pipeline.Bottom, image.Pt(25, 0), image.Pt(0, 50)},
		{pipeline.Left, image.Pt(0, 0), image.Pt(0, 25)},
		{pipeline.Right, image.Pt(50, 0), image.Pt(0, 25)},
		{pipeline.TopLeft, image.Pt(0, 0), image.Pt(0, 0)},
		{pipeline.TopRight, image.Pt(50, 0), image.Pt(0, 0)},
		{pipeline.BottomLeft, image.Pt(0, 0), image.Pt(0, 50)},
		{pipeline.BottomRight, image.Pt(50, 0), image.Pt(0, 50)},
	} {
		to := target(100, 100, pipeline.Cover, pipeline.JPEG)
		to.Position = c.at
		for _, x := range []struct {
			src  *image.NRGBA
			size size
			at   image.Point
		}{{im, size{150, 100}, c.wide}, {photo(200, 300), size{100, 150}, c.tall}} {
			// Upright first, then the crop: a camera's image on its side.
			for _, src := range [][]byte{jpegOf(x.src, 95), withExif(jpegOf(storedAs(x.src, 6), 95), 6)} {
				got := rendered(t, src, to)
				want := scaled(x.src, x.size).SubImage(image.Rectangle{x.at, x.at.Add(image.Pt(100, 100))})
				if mean, worst := difference(t, got, want); mean > 2 {
					t.Errorf("%q of %v: differs by %.2f levels on average, %.0f at worst", c.at, x.size, mean, worst)
				}
			}
		}
	}
}

// A plain image with one thing to see in it, near its right end.
func TestWhatThereIsToSeeIsKept(t *testing.T) {
	imager()
	im := image.NewNRGBA(image.Rect(0, 0, 600, 200))
	draw.Draw(im, im.Rect, image.NewUniform(color.NRGBA{90, 90, 90, 255}), image.Point{}, draw.Src)
	detail := photo(120, 120)
	for i := range detail.Pix {
		if i%4 == 0 {
			detail.Pix[i] = 255 // red, of which attention is fond
		}
	}
	draw.Draw(im, image.Rect(450, 40, 570, 160), detail, image.Point{}, draw.Src)
	for _, at := range []pipeline.Position{pipeline.Attention, pipeline.Entropy} {
		for name, src := range map[string][]byte{
			"JPEG": jpegOf(im, 95), "JPEG on its side": withExif(jpegOf(storedAs(im, 8), 95), 8), "PNG": pngOf(im), "GIF": gifOf(im),
			"WebP": webpOf(im, true, vips.WebpExportParams{Quality: 90}),
		} {
			for _, format := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
				to := target(100, 100, pipeline.Cover, format)
				to.Position = at
				got := rendered(t, src, to)
				red := 0
				for y := range 100 {
					for x := range 100 {
						if c := bands(got.At(x, y)); c[0] > c[1]+40 {
							red++
						}
					}
				}
				// The detail is 60x60 of the 100x100.
				if red < 2500 || sizeOf(got) != (size{100, 100}) {
					t.Errorf("%s of a %s to %s: %d red pixels in %v", at, name, format, red, sizeOf(got))
				}
			}
		}
	}
}

func TestNoEnlarge(t *testing.T) {
	imager()
	for _, c := range []struct {
		src  size
		fit  pipeline.Fit
		want size
	}{
		{size{50, 30}, pipeline.Fill, size{50, 30}},
		{size{50, 300}, pipeline.Fill, size{50, 100}},
		{size{300, 200}, pipeline.Fill, size{100, 100}},
		{size{50, 30}, pipeline.Cover, size{50, 30}},
		{size{50, 300}, pipeline.Cover, size{50, 100}},
		{size{300, 200}, pipeline.Cover, size{100, 100}},
		{size{50, 30}, pipeline.Inside, size{50, 30}},
		{size{50, 300}, pipeline.Inside, size{17, 100}},
		{size{50, 30}, pipeline.Contain, size{100, 100}},
		{size{1, 1}, pipeline.Inside, size{1, 1}},
	} {
		to := target(100, 100, c.fit, pipeline.PNG)
		to.NoEnlarge = true
		im := photo(c.src.width, c.src.height)
		got := rendered(t, pngOf(im), to)
		if sizeOf(got) != c.want {
			t.Errorf("%v %s: %v, want %v", c.src, c.fit, sizeOf(got), c.want)
		}
		if c.fit == pipeline.Contain {
			middle := got.(interface {
				SubImage(image.Rectangle) image.Image
			}).SubImage(image.Rect(25, 35, 75, 65))
			if mean, _ := difference(t, middle, im); mean > 0 {
				t.Errorf("contained without enlarging it differs by %.2f levels", mean)
			}
		}
	}
}

func TestBackground(t *testing.T) {
	imager()
	im := half(photo(200, 100))
	grey := image.NewNRGBA(im.Rect)
	for y := range 100 {
		for x := range 200 {
			v := uint8(x)
			grey.SetNRGBA(x, y, color.NRGBA{v, v, v, uint8(2 * y)})
		}
	}
	greyAlpha := exported(grey, false, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		if err := v.ToColorSpace(vips.InterpretationBW); err != nil {
			return nil, nil, err
		}
		return v.ExportPng(&vips.PngExportParams{Compression: 1})
	})
	deep := image.NewNRGBA64(im.Rect)
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	over := func(src image.Image, c color.Color) image.Image {
		out := image.NewRGBA64(src.Bounds())
		draw.Draw(out, out.Rect, image.NewUniform(c), image.Point{}, draw.Src)
		draw.Draw(out, out.Rect, src, src.Bounds().Min, draw.Over)
		return out
	}
	for _, c := range []struct {
		name       string
		src        []byte
		like       image.Image
		background pipeline.Colour
		format     pipeline.Format
		colour     color.Color
	}{
		{"white", pngOf(im), im, "", pipeline.JPEG, color.White},
		{"red", pngOf(im), im, "#c81e1e", pipeline.JPEG, color.NRGBA{200, 30, 30, 255}},
		{"white, of grey", greyAlpha, grey, "", pipeline.JPEG, color.White},
		{"red, of grey", greyAlpha, grey, "#c81e1e", pipeline.JPEG, color.NRGBA{200, 30, 30, 255}},
		{"blue, of 16 bits", pngOf(deep), im, "#1e1ec8", pipeline.JPEG, color.NRGBA{30, 30, 200, 255}},
		{"red in a PNG", pngOf(im), im, "#c81e1e", pipeline.PNG, color.NRGBA{200, 30, 30, 255}},
		{"white in a WebP", webpOf(im, false, vips.WebpExportParams{Lossless: true}), im, "#ffffff", pipeline.WebP, color.White},
		{"white in a PNG", pngOf(im), im, "", pipeline.PNG, color.White},
		{"white in a WebP, of grey", greyAlpha, grey, "", pipeline.WebP, color.White},
		{"none in a PNG", pngOf(im), im, pipeline.Transparent, pipeline.PNG, color.Transparent},
		{"none in a WebP", pngOf(im), im, pipeline.Transparent, pipeline.WebP, color.Transparent},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := target(80, 40, pipeline.Fill, c.format)
			to.Background = c.background
			got := rendered(t, c.src, to)
			if opaque := got.(interface{ Opaque() bool }).Opaque(); opaque != (c.background != pipeline.Transparent) {
				t.Errorf("it is opaque: %t", opaque)
			}
			if mean, worst := difference(t, got, over(scaled(c.like, size{80, 40}), c.colour)); mean > 2 || worst > 45 {
				t.Errorf("differs by %.2f levels on average, %.0f at worst", mean, worst)
			}
			to = target(80, 80, pipeline.Contain, c.format)
			to.Background = c.background
			padded := rendered(t, c.src, to)
			want, have := bands(c.colour), bands(padded.At(40, 5))
			for i := range want {
				if d := want[i] - have[i]; d > 3 || d < -3 {
					t.Errorf("padded with %v, want %v", have, want)
					break
				}
			}
		})
	}
}

func TestMetadataAreKeptWhereAsked(t *testing.T) {
	imager()
	// Written by libvips, with a tag that is no orientation.
	tagged := exported(photo(60, 40), true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		if err := v.SetOrientation(6); err != nil {
			return nil, nil, err
		}
		v.SetString("exif-ifd0-Copyright", "Jane Roe (Jane Roe, ASCII, 9 components, 9 bytes)")
		return v.ExportJpeg(&vips.JpegExportParams{Quality: 90})
	})
	tagged = withSegment(tagged, markerAPP1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>kept</x:xmpmeta>"))
	p3 := withProfile(tagged, profile(p3Primaries, parametric()))
	for _, format := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
		for _, keep := range []bool{false, true} {
			to := target(32, 48, pipeline.Fill, format)
			to.KeepMetadata = keep
			h := must(imager().Probe(p3))
			out, err := imager().Render(t.Context(), p3, h, to)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			back := must(vips.NewImageFromBuffer(out.Bytes))
			for field, want := range map[string]string{"exif-data": "Jane Roe", "xmp-data": "kept"} {
				if bytes.Contains(back.GetBlob(field), []byte(want)) != keep {
					t.Errorf("%s: keeping is %t, and whether its %s holds %q is not", format, keep, field, want)
				}
			}
			back.Close()
			if bytes.Contains(out.Bytes, []byte("ICC_PROFILE")) || bytes.Contains(out.Bytes, []byte("iCCP")) || bytes.Contains(out.Bytes, []byte("ICCP")) {
				t.Errorf("%s: holds a profile, and its pixels are sRGB", format)
			}
			if got := must(imager().Probe(out.Bytes)); got.Orientation > 1 {
				t.Errorf("%s: is upright and says %d", format, got.Orientation)
			}
			if out.Damage != nil {
				t.Errorf("%s: %v", format, out.Damage)
			}
		}
	}
}
