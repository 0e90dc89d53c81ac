package imaging

// #cgo pkg-config: vips
// #include <vips/vips.h>
import "C"

import "unsafe"

// loaders are libvips' names of the decoders that VIPS_BLOCK_UNTRUSTED blocks:
// of 8.14.1 those of JPEG 2000, JPEG XL, SVG, PDF, FITS, OpenSlide, CSV, Netpbm,
// Radiance, libvips' own and all of ImageMagick's. Those of JPEG, PNG, WebP,
// GIF, TIFF and HEIF it leaves.
var loaders = map[string]string{"jp2": "VipsForeignLoadJp2k"}

// allow unblocks a decoder, for the whole process.
func allow(format string) {
	name := C.CString(loaders[format])
	defer C.free(unsafe.Pointer(name))
	C.vips_operation_block_set(name, 0)
}
