package photo

// plane is a square of samples without a border: it goes on at the other side.
// So a crop can begin anywhere, and a few planes make any number of pictures.
type plane[T any] struct {
	side    int // a power of two
	samples []T
}

func newPlane[T any](side int) plane[T] {
	return plane[T]{side, make([]T, side*side)}
}

func (p plane[T]) at(x, y int) *T {
	return &p.samples[(y&(p.side-1))*p.side+x&(p.side-1)]
}

// crop fills dst from the row of samples that begins at x, y.
func (p plane[T]) crop(dst []T, x, y int) {
	row := p.samples[(y&(p.side-1))*p.side:][:p.side]
	x &= p.side - 1
	for len(dst) > 0 {
		n := copy(dst, row[x:])
		dst, x = dst[n:], 0
	}
}
