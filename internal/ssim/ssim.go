// Package ssim measures how alike two images are, for tests and benchmarks.
package ssim

import (
	"fmt"
	"image"
)

// Index is the structural similarity of the luma of two images of one size, 1 at
// most: the mean over windows of 8x8 pixels at every fourth. Wang et al., Image
// Quality Assessment, 2004, with its constants.
func Index(a, b image.Image) (float64, error) {
	if a.Bounds().Size() != b.Bounds().Size() {
		return 0, fmt.Errorf("ssim: sizes are %v and %v", a.Bounds().Size(), b.Bounds().Size())
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
	return sum / n, nil
}

// luma is that of ITU-R BT.601, 0 to 255, row by row.
func luma(im image.Image) []float64 {
	b := im.Bounds()
	out := make([]float64, 0, b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := im.At(x, y).RGBA()
			out = append(out, (0.299*float64(r)+0.587*float64(g)+0.114*float64(b))/257)
		}
	}
	return out
}
