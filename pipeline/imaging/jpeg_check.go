package imaging

// #cgo pkg-config: libjpeg
// #include "jpeg_check.h"
import "C"

import (
	"unsafe"

	"sluice/pipeline"
)

// inspectJPEG reads the scans of a JPEG to their end, for the row's error if
// anything is lost. libvips looks at libjpeg's warnings only before each next
// strip of 8 rows, so what is wrong with the last one it lets pass; and it
// cannot tell a warning that costs pixels from one about an oddity.
func inspectJPEG(src []byte) error {
	switch C.sluice_jpeg_check((*C.uchar)(unsafe.Pointer(unsafe.SliceData(src))), C.ulong(len(src))) {
	case C.SLUICE_JPEG_WHOLE:
		return nil
	case C.SLUICE_JPEG_UNSUPPORTED:
		return pipeline.Fail(pipeline.Unsupported, "a JPEG of a kind that libjpeg was built without")
	default:
		return corrupt("a JPEG with damaged or missing data")
	}
}
