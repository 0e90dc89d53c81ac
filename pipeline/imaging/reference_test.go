package imaging

import (
	"bytes"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"

	"sluice/internal/ssim"
)

// The reference is a full decode by Go's own decoders and a Lanczos-3 resize by
// x/image, neither of which shares a line with libvips; but for WebP.

// lanczos3 is the kernel, widened by draw when it scales down.
var lanczos3 = draw.Kernel{Support: 3, At: func(t float64) float64 {
	if t == 0 {
		return 1
	}
	x := math.Pi * t
	return 3 * math.Sin(x) * math.Sin(x/3) / (x * x)
}}

func decode(t testing.TB, data []byte) image.Image {
	t.Helper()
	if riff("WEBP")(data) {
		// x/image takes WebP's colours, of 16 to 235, for JPEG's.
		v, err := vips.NewImageFromBuffer(data)
		if err != nil {
			t.Fatalf("libvips' decoder: %v", err)
		}
		defer v.Close()
		return must(v.ToGoImage())
	}
	im, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("Go's decoder: %v", err)
	}
	return im
}

// sizeOf is im's size.
func sizeOf(im image.Image) size { return size{im.Bounds().Dx(), im.Bounds().Dy()} }

// scaled is src resized to s, by Lanczos-3 or, where it is enlarged, bicubically.
func scaled(src image.Image, s size) *image.RGBA64 {
	out := image.NewRGBA64(image.Rect(0, 0, s.width, s.height))
	kernel := &lanczos3
	if s.width > src.Bounds().Dx() {
		kernel = draw.CatmullRom
	}
	kernel.Scale(out, out.Rect, src, src.Bounds(), draw.Src, nil)
	return out
}

// onWhite is src over white.
func onWhite(src image.Image) image.Image {
	out := image.NewRGBA64(src.Bounds())
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), src, src.Bounds().Min, draw.Over)
	return out
}

// difference is the mean and the largest difference of two images of one size,
// in levels of 0 to 255, over all bands; alpha counts, and colours count as
// much as they are visible.
func difference(t testing.TB, got, want image.Image) (mean, worst float64) {
	t.Helper()
	g, w := got.Bounds(), want.Bounds()
	if g.Size() != w.Size() {
		t.Fatalf("size is %v, want %v", g.Size(), w.Size())
	}
	for y := range g.Dy() {
		for x := range g.Dx() {
			a := bands(got.At(g.Min.X+x, g.Min.Y+y))
			b := bands(want.At(w.Min.X+x, w.Min.Y+y))
			for i := range a {
				d := math.Abs(a[i] - b[i])
				mean += d
				worst = max(worst, d)
			}
		}
	}
	return mean / float64(4*g.Dx()*g.Dy()), worst
}

func bands(c color.Color) [4]float64 {
	r, g, b, a := c.RGBA()
	return [4]float64{float64(r) / 257, float64(g) / 257, float64(b) / 257, float64(a) / 257}
}

// similarity is the structural similarity of two images of one size.
func similarity(t testing.TB, a, b image.Image) float64 {
	t.Helper()
	s, err := ssim.Index(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
