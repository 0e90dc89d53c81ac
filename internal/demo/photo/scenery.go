package photo

import (
	"math"
	"math/rand/v2"
	"sync"
)

// scenery is what all photographs are taken of. It is drawn once, at some
// expense; a photograph is then sums of crops, which costs less than its
// encoding.
type scenery struct {
	// surfaces says which of 256 surfaces is seen at a point. Each photograph
	// paints them its own way.
	surfaces plane[uint8]
	texture  plane[int8] // as strong at all scales, as textures in nature are
	noise    plane[int8] // of a sensor: each sample for itself
}

var theScenery = sync.OnceValue(func() *scenery {
	s := &scenery{}
	var wg sync.WaitGroup
	wg.Go(func() { s.surfaces = drawSurfaces(rand.New(rand.NewPCG(edition, 1<<32))) })
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(edition, 1<<32+1))
		s.texture = drawTexture(rng)
		s.noise = drawNoise(rng)
	})
	wg.Wait()
	return s
})

// drawSurfaces lets ellipses and bars fall on each other like leaves, of all
// sizes. That "dead leaves" model has the edges and the spectrum of natural
// images (Lee, Mumford, Huang 2001).
func drawSurfaces(rng *rand.Rand) plane[uint8] {
	const (
		smallest, largest = 6, 1200 // half of a leaf's length, pixels
		area              = 5 << 24 // each place about five times over
	)
	p := newPlane[uint8](4096)
	for painted := 0.0; painted < area; {
		// With a density of 1/r³ each octave of sizes would cover the same area.
		// Sharp photographs have that; with 1/r^2.4 they are as calm as most are.
		u := rng.Float64()
		r := math.Pow(u*math.Pow(smallest, -1.4)+(1-u)*math.Pow(largest, -1.4), -1/1.4)
		leaf := leaf{
			x: rng.Float64() * 4096, y: rng.Float64() * 4096,
			long: r, wide: r * (0.25 + 0.75*rng.Float64()),
			bar: rng.IntN(3) == 0, surface: uint8(rng.IntN(256)),
		}
		leaf.sin, leaf.cos = math.Sincos(rng.Float64() * math.Pi)
		painted += leaf.fall(p)
	}
	return p
}

type leaf struct {
	x, y       float64 // centre
	long, wide float64 // half axes
	sin, cos   float64
	bar        bool
	surface    uint8
}

// fall paints the leaf and returns how many pixels it covers.
func (l leaf) fall(p plane[uint8]) (area float64) {
	reach := math.Hypot(l.long, l.wide)
	if !l.bar {
		reach = l.long
	}
	for y := int(l.y - reach); y <= int(l.y+reach); y++ {
		for x := int(l.x - reach); x <= int(l.x+reach); x++ {
			dx, dy := float64(x)-l.x, float64(y)-l.y
			u := (dx*l.cos + dy*l.sin) / l.long
			v := (dy*l.cos - dx*l.sin) / l.wide
			if l.bar && max(u*u, v*v) <= 1 || !l.bar && u*u+v*v <= 1 {
				*p.at(x, y) = l.surface
				area++
			}
		}
	}
	return area
}

// drawTexture doubles a plane again and again, and adds the same amount of
// chance each time: as much energy in each octave.
func drawTexture(rng *rand.Rand) plane[int8] {
	field := newPlane[float32](8)
	for field.side < 2048 {
		next := newPlane[float32](2 * field.side)
		for y := range field.side {
			for x := range field.side {
				a, b := *field.at(x, y), *field.at(x+1, y)
				c, d := *field.at(x, y+1), *field.at(x+1, y+1)
				*next.at(2*x, 2*y) = a
				*next.at(2*x+1, 2*y) = (a + b) / 2
				*next.at(2*x, 2*y+1) = (a + c) / 2
				*next.at(2*x+1, 2*y+1) = (a + b + c + d) / 4
			}
		}
		for i := range next.samples {
			next.samples[i] += rng.Float32() - 0.5
		}
		field = next
	}
	return quantise(field, 40)
}

func drawNoise(rng *rand.Rand) plane[int8] {
	field := newPlane[float32](1024)
	for i := range field.samples {
		field.samples[i] = float32(rng.NormFloat64())
	}
	return quantise(field, 32)
}

// quantise scales the field; four standard deviations fit.
func quantise(field plane[float32], scale float32) plane[int8] {
	p := newPlane[int8](field.side)
	for i, v := range field.samples {
		p.samples[i] = int8(max(-127, min(127, v*scale)))
	}
	return p
}
