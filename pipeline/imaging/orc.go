package imaging

// #cgo pkg-config: vips
// #include <vips/vips.h>
// #include <vips/vector.h>
import "C"

import "github.com/davidbyttow/govips/v2/vips"

// withoutOrc keeps libvips from liborc, by which it compiles its loops anew for
// each image until 8.14; from 8.15 on it has another way. liborc 0.4.33 keeps its
// code in lists that it does not lock: two images at once corrupt the heap, some
// two times in 100,000. What its loops gain the compiling takes: 2 % less CPU for
// photographs to PNG, and twice as much for icons.
func withoutOrc() {
	if vips.MajorVersion == 8 && vips.MinorVersion < 15 {
		C.vips_vector_set_enabled(0)
	}
}

func vectors() bool { return C.vips_vector_isenabled() != 0 }
