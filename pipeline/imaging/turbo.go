package imaging

// #cgo pkg-config: libturbojpeg zimg
// #cgo CFLAGS: -O2
// #cgo LDFLAGS: -lm
// #include "turbo.h"
import "C"

import (
	"bytes"
	"unsafe"

	"sluice/pipeline"
)

// turbo is the short way of a JPEG to a JPEG, which is most of every dataset:
// decoded to planes of YCbCr by libjpeg-turbo, resized by zimg, encoded from
// planes. It takes half the CPU of the general way, since chroma stays
// subsampled and no pixel becomes RGB. It does what gives the same picture, and
// declines everything else, and whatever the decoder so much as warns about: the
// general way then says what is wrong with it.
//
// libjpeg-turbo holds a progressive image's coefficients as libvips does, so
// what it takes besides is bounded by what Cost says without them.
func (m *Imager) turbo(src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, bool) {
	if h.Format != "jpeg" || h.Truncated != "" || h.Bands == 4 || h.Orientation > 8 ||
		t.Format != pipeline.JPEG || t.Fit == pipeline.Contain || t.KeepMetadata {
		return pipeline.Rendition{}, false
	}
	j, err := parseJPEG(src)
	if err != nil || j.odd || j.adobe == 0 || j.profile != nil && !isSRGB(bytes.Join(j.profile, nil)) {
		return pipeline.Rendition{}, false
	}
	up := upright(h)
	want := fit(up, t)
	out := want
	if t.Fit == pipeline.Cover {
		out = size{min(t.Width, want.width), min(t.Height, want.height)}
		if t.Position == pipeline.Attention || t.Position == pipeline.Entropy {
			return pipeline.Rendition{}, false
		}
	}
	// Chroma of an odd side covers half a pixel too much; and enlarging is done
	// by another kernel.
	if out.width%2 != 0 || out.height%2 != 0 || want.width > up.width || want.height > up.height {
		return pipeline.Rendition{}, false
	}
	r := stored(cropped(want, out, t.Position), h.Orientation)
	job := C.struct_turbo_job{
		shrink: C.int(decoderShrink(h, t)),
		left:   C.double(r.left), top: C.double(r.top), right: C.double(r.right), bottom: C.double(r.bottom),
		width: C.int(out.width), height: C.int(out.height),
		orientation: C.int(max(1, h.Orientation)),
		quality:     C.int(t.Quality),
		memory:      C.size_t(fixedCost + windowCost(h, t) + resultCost(h, t)),
	}
	if sideways(h.Orientation) {
		job.width, job.height = job.height, job.width
	}
	var buf *C.uint8_t
	var n C.size_t
	end := C.turbo_render( //nolint:gocritic // what cgo makes of it
		(*C.uint8_t)(unsafe.SliceData(src)), C.size_t(len(src)), &job, &buf, &n)
	if end != C.TURBO_DONE {
		return pipeline.Rendition{}, false
	}
	defer C.turbo_free(buf)
	return pipeline.Rendition{Bytes: C.GoBytes(unsafe.Pointer(buf), C.int(n)), Width: out.width, Height: out.height}, true
}

// region is a part of an image, its sides from 0 to 1.
type region struct{ left, top, right, bottom float64 }

// cropped is what frame leaves of an image of size all.
func cropped(all, out size, p pipeline.Position) region {
	right, down := p.Anchors()
	x, y := int(float64(all.width-out.width)*right), int(float64(all.height-out.height)*down)
	w, h := float64(all.width), float64(all.height)
	return region{float64(x) / w, float64(y) / h, float64(x+out.width) / w, float64(y+out.height) / h}
}

// stored is where a region of an upright image is in the image as it is stored:
// Exif 2.32, section 4.6.4.
func stored(r region, orientation int) region {
	if sideways(orientation) {
		r = region{r.top, r.left, r.bottom, r.right}
	}
	switch orientation {
	case 2, 3, 7, 8:
		r.left, r.right = 1-r.right, 1-r.left
	}
	switch orientation {
	case 3, 4, 6, 7:
		r.top, r.bottom = 1-r.bottom, 1-r.top
	}
	return r
}
