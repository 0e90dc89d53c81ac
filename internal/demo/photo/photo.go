// Package photo makes photograph-like JPEGs, so that the demo and the
// benchmarks need no download. What matters for them is that the files decode
// like photographs: surfaces that hide each other with edges between them,
// texture on some and calm on others, a fall of light, the noise of a sensor,
// and so a little over one bit a pixel.
package photo

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
)

// Photo is one of an endless series of photographs. The same number is always
// the same picture.
type Photo struct {
	Number        int
	Width, Height int // pixels
}

// edition is part of every file's name: a cache of photographs that an older
// program drew is not taken for today's.
const edition = 1

// Series is the first n photographs. Of each ten, six are 1024x768, three
// 2048x1536 and one is 4000x3000: 2.6 million pixels and about 350 kB on
// average, the mix that other tools were measured on.
func Series(n int) []Photo {
	photos := make([]Photo, n)
	for i := range photos {
		w, h := 1024, 768
		switch i % 10 {
		case 3, 5, 8:
			w, h = 2048, 1536
		case 6:
			w, h = 4000, 3000
		}
		photos[i] = Photo{Number: i, Width: w, Height: h}
	}
	return photos
}

// Name is the name of the photograph's file.
func (p Photo) Name() string {
	return fmt.Sprintf("photo%d-%05d-%dx%d.jpg", edition, p.Number, p.Width, p.Height)
}

// encode draws the photograph and returns it as a baseline JPEG, 4:2:0.
func (p Photo) encode(s *scenery) ([]byte, error) {
	frame := image.NewYCbCr(image.Rect(0, 0, p.Width, p.Height), image.YCbCrSubsampleRatio420)
	rng := rand.New(rand.NewPCG(edition, uint64(p.Number)))
	newExposure(rng).draw(s, frame)
	var b bytes.Buffer
	err := jpeg.Encode(&b, frame, &jpeg.Options{Quality: 76 + rng.IntN(13)})
	return b.Bytes(), err
}
