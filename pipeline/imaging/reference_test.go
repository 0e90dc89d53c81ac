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

// ssim is the structural similarity of the luma of two images, over windows of
// 8x8 pixels at every fourth: Wang et al. 2004, with its constants.
func ssim(t testing.TB, a, b image.Image) float64 {
	t.Helper()
	if a.Bounds().Size() != b.Bounds().Size() {
		t.Fatalf("sizes are %v and %v", a.Bounds().Size(), b.Bounds().Size())
	}
	const window, step = 8, 4
	const c1, c2 = (0.01 * 255) * (0.01 * 255), (0.03 * 255) * (0.03 * 255)
	p, q := luma(a), luma(b)
	width, height := a.Bounds().Dx(), a.Bounds().Dy()
	var sum, n float64
	for y := 0; y+window <= height; y += step {
		for x := 0; x+window <= width; x += step {
			var sp, sq, spp, sqq, spq float64
			for j := y; j < y+window; j++ {
				for i := x; i < x+window; i++ {
					u, v := p[j*width+i], q[j*width+i]
					sp, sq, spp, sqq, spq = sp+u, sq+v, spp+u*u, sqq+v*v, spq+u*v
				}
			}
			const k = window * window
			mp, mq := sp/k, sq/k
			vp, vq, cov := spp/k-mp*mp, sqq/k-mq*mq, spq/k-mp*mq
			sum += (2*mp*mq + c1) * (2*cov + c2) / ((mp*mp + mq*mq + c1) * (vp + vq + c2))
			n++
		}
	}
	return sum / n
}

func luma(im image.Image) []float64 {
	b := im.Bounds()
	out := make([]float64, 0, b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := bands(im.At(x, y))
			out = append(out, 0.299*c[0]+0.587*c[1]+0.114*c[2])
		}
	}
	return out
}
