package imaging

// #cgo pkg-config: vips
// #include <vips/vips.h>
// #include <vips/vector.h>
import "C"

import "github.com/davidbyttow/govips/v2/vips"

// usesOrc reports whether libvips compiles its loops by liborc, anew for each image,
// as it does until 8.14. liborc 0.4.33 keeps its code in lists that it does not
// lock: two images at once corrupt the heap, some two times in 100,000.
func usesOrc() bool {
	return vips.MajorVersion == 8 && vips.MinorVersion < 15 && C.vips_vector_isenabled() != 0
}

// withoutOrc turns that off. Photographs to PNG take up to 3 % more without it,
// and icons half.
func withoutOrc() {
	if usesOrc() {
		C.vips_vector_set_enabled(0)
	}
}
