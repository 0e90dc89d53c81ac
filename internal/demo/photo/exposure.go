package photo

import (
	"image"
	"math"
	"math/rand/v2"
)

// exposure is how one photograph sees the scenery.
type exposure struct {
	near, far point // where the two layers of surfaces begin
	texture   point
	// open is how many of the surfaces of the near layer are gaps through which
	// the far one is seen.
	open uint8
	// The paint of the 256 surfaces.
	luma, cb, cr [256]uint8
	rough        [256]uint8 // how much texture, in 1/256
	// light falls off by so many steps over the picture's width and height.
	lightX, lightY float64
	iso            int // strength of the noise, in 1/256
	noise          *rand.Rand
}

type point struct{ x, y int }

func newExposure(rng *rand.Rand) *exposure {
	// Even places, so that luma and its half-size chroma stay in register.
	place := func() point { return point{2 * rng.IntN(2048), 2 * rng.IntN(2048)} }
	e := &exposure{
		near: place(), far: place(), texture: place(),
		open:   uint8(80 + rng.IntN(120)),
		lightX: 60 * (rng.Float64() - 0.5), lightY: 60 * (rng.Float64() - 0.5),
		iso:   6 + rng.IntN(18),
		noise: rng,
	}
	// A picture has a mood: its colours scatter about one or two hues.
	hue, turn := rng.Float64()*2*math.Pi, rng.NormFloat64()
	for i := range e.luma {
		e.luma[i] = clamp(int(120 + 45*rng.NormFloat64()))
		h := hue + 0.5*rng.NormFloat64() + turn*float64(i%2)
		strength := 26 * math.Abs(rng.NormFloat64())
		e.cb[i] = clamp(int(128 + strength*math.Cos(h)))
		e.cr[i] = clamp(int(128 + strength*math.Sin(h)))
		// Most surfaces are calm, a few are grass and gravel.
		r := rng.Float64()
		e.rough[i] = uint8(8 + 120*r*r*r)
	}
	return e
}

func clamp(v int) uint8 { return uint8(max(0, min(255, v))) }

// line is one row of what is seen.
type line struct {
	surface []uint8
	luma    []uint8
}

// draw fills frame, which is 4:2:0.
func (e *exposure) draw(s *scenery, frame *image.YCbCr) {
	w, h := frame.Rect.Dx(), frame.Rect.Dy()
	// The lens blurs by a kernel of 1 2 1 either way, before the sensor adds its
	// noise: three rows of what is seen are held at a time.
	above, here, below := newLine(w), newLine(w), newLine(w)
	e.see(s, here, -1)
	e.see(s, below, 0)
	texture, noise := make([]int8, w), make([]int8, w)
	blurred := make([]uint16, w+2)
	for y := range h {
		above, here, below = here, below, above
		e.see(s, below, y+1)
		s.texture.crop(texture, e.texture.x, e.texture.y+y)
		s.noise.crop(noise, e.noise.IntN(1024), e.noise.IntN(1024))
		blur(blurred, above.luma, here.luma, below.luma)
		e.sense(frame.Y[y*frame.YStride:][:w], blurred, here.surface, texture, noise, float64(y)/float64(h)-0.5)
		if y%2 == 0 {
			at := y / 2 * frame.CStride
			e.colour(frame.Cb[at:][:w/2], frame.Cr[at:][:w/2], here.surface, noise)
		}
	}
}

func newLine(w int) line { return line{make([]uint8, w), make([]uint8, w)} }

// see finds the surfaces along row y and how bright they are.
func (e *exposure) see(s *scenery, l line, y int) {
	behind := l.luma // until it is overwritten
	s.surfaces.crop(l.surface, e.near.x, e.near.y+y)
	s.surfaces.crop(behind, e.far.x, e.far.y+y)
	for x, surface := range l.surface {
		if surface < e.open {
			surface = behind[x]
			l.surface[x] = surface
		}
		l.luma[x] = e.luma[surface]
	}
}

// blur sums up columns by 1 2 1; the first and the last stand twice.
func blur(dst []uint16, above, here, below []uint8) {
	inner := dst[1 : len(dst)-1]
	above, here, below = above[:len(inner)], here[:len(inner)], below[:len(inner)]
	for x := range inner {
		inner[x] = uint16(above[x]) + 2*uint16(here[x]) + uint16(below[x])
	}
	dst[0], dst[len(dst)-1] = inner[0], inner[len(inner)-1]
}

// sense turns a row of light into luma.
func (e *exposure) sense(dst []uint8, blurred []uint16, surface []uint8, texture, noise []int8, y float64) {
	w := len(dst)
	left, middle, right := blurred[:w], blurred[1:][:w], blurred[2:][:w]
	surface, texture, noise = surface[:w], texture[:w], noise[:w]
	// Light in steps of 1/65536, so that a row needs additions only.
	light := int((e.lightY*y - e.lightX/2) * 65536)
	step := int(e.lightX * 65536 / float64(w))
	for x := range dst {
		v := (int(left[x])+2*int(middle[x])+int(right[x]))>>4 + light>>16
		v += (int(texture[x])*int(e.rough[surface[x]]) + int(noise[x])*e.iso) >> 8
		dst[x] = clamp(v)
		light += step
	}
}

// colour fills a row of chroma from every second point.
func (e *exposure) colour(cb, cr, surface []uint8, noise []int8) {
	for x := range cb {
		s := surface[2*x]
		grain := int(noise[2*x]) * e.iso >> 9
		cb[x] = clamp(int(e.cb[s]) + grain)
		cr[x] = clamp(int(e.cr[s]) - grain)
	}
}
