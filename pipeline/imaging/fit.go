package imaging

import (
	"math"

	"sluice/pipeline"
)

// size is a width and a height in pixels.
type size struct{ width, height int }

func (s size) swapped() size { return size{s.height, s.width} }

// fit is what an upright image of size src is resized to for t. Of Cover more
// comes out than t asks for, to be cropped, and of Contain less, to be padded.
func fit(src size, t pipeline.Target) size {
	x := float64(t.Width) / float64(src.width)
	y := float64(t.Height) / float64(src.height)
	scale := math.Min(x, y)
	switch t.Fit {
	case pipeline.Fill:
		if t.NoEnlarge {
			return size{min(t.Width, src.width), min(t.Height, src.height)}
		}
		return size{t.Width, t.Height}
	case pipeline.Cover:
		scale = math.Max(x, y)
	}
	if t.NoEnlarge {
		scale = math.Min(scale, 1)
	}
	out := size{
		width:  int(math.Round(float64(src.width) * scale)),
		height: int(math.Round(float64(src.height) * scale)),
	}
	// A ratio that is out of all proportion leaves nothing of the short side,
	// or more of the long one than libvips can count.
	if t.Fit == pipeline.Cover {
		least := size{t.Width, t.Height}
		if t.NoEnlarge {
			least = size{min(t.Width, src.width), min(t.Height, src.height)}
		}
		return size{clamp(out.width, least.width, maxSide), clamp(out.height, least.height, maxSide)}
	}
	return size{clamp(out.width, 1, t.Width), clamp(out.height, 1, t.Height)}
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// shrink is the largest factor by which a decoder can scale src down so that it
// still covers want. Decoders go by 1, 2, 4 and 8, and round down.
func shrink(src, want size) int {
	for _, n := range []int{8, 4, 2} {
		if src.width/n >= want.width && src.height/n >= want.height {
			return n
		}
	}
	return 1
}
