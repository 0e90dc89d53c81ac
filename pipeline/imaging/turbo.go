package imaging

// #cgo pkg-config: libturbojpeg
// #cgo CFLAGS: -O3
// #cgo LDFLAGS: -lm
// #include <turbojpeg.h>
// #include "turbo.h"
import "C"

import (
	"bytes"
	"image/color"
	"unsafe"

	"sluice/pipeline"
)

// turbo is the short way of a JPEG to a JPEG, which is most of every dataset:
// decoded to planes of YCbCr by libjpeg-turbo, resized, encoded from planes. It
// takes half the CPU of the general way, since chroma stays subsampled and no
// pixel becomes RGB. It does what gives the same picture, and declines
// everything else, and whatever the decoder so much as warns about: the general
// way then says what is wrong with it.
func (m *Imager) turbo(src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, bool) {
	if h.Format != "jpeg" || h.Truncated != "" || h.Bands == 4 || h.Orientation > 8 ||
		t.Format != pipeline.JPEG || t.KeepMetadata || searches(t) {
		return pipeline.Rendition{}, false
	}
	// Enlarging is done by another kernel.
	if want, up := fit(upright(h), t), upright(h); want.width > up.width || want.height > up.height {
		return pipeline.Rendition{}, false
	}
	j, err := parseJPEG(src)
	if err != nil || j.odd || j.adobe == 0 || j.profile != nil && !isSRGB(bytes.Join(j.profile, nil)) {
		return pipeline.Rendition{}, false
	}
	return m.planes(src, h, t, chromaOf(t.Quality))
}

// chroma is how many columns and rows of luma share a sample of chroma.
type chroma struct{ columns, rows int }

// chromaOf is what libvips' own default is for the encoder.
func chromaOf(quality int) chroma {
	if quality >= 90 {
		return chroma{1, 1}
	}
	return chroma{2, 2}
}

// samplings are TurboJPEG's names for them.
var samplings = map[chroma]C.int{
	{1, 1}: C.TJSAMP_444,
	{2, 1}: C.TJSAMP_422,
	{1, 2}: C.TJSAMP_440,
	{2, 2}: C.TJSAMP_420,
	{4, 1}: C.TJSAMP_411,
}

// turboShrink is decoderShrink, but where the result's chroma is finer than that
// of the source: there libjpeg leaves chroma at twice the size, which TurboJPEG
// undoes.
func turboShrink(h pipeline.Header, t pipeline.Target, c chroma) int {
	n := decoderShrink(h, t)
	if n > 1 && h.Subsampled && c == (chroma{1, 1}) {
		return n / 2
	}
	return n
}

// planes is turbo of what is plain, to chroma as told.
func (m *Imager) planes(src []byte, h pipeline.Header, t pipeline.Target, c chroma) (pipeline.Rendition, bool) {
	turn := turns[max(1, h.Orientation)]
	x, y := spans(h, t)
	// libjpeg-turbo holds a progressive image's coefficients as libvips does; no
	// more than planes is turned around.
	level := h
	level.Orientation = 1
	job := C.struct_turbo_job{
		width: C.int(h.Width), height: C.int(h.Height),
		shrink:     C.int(turboShrink(h, t, c)),
		x:          [2]C.struct_turbo_axis{x.axis(1, turn.mirrorX), x.axis(c.columns, turn.mirrorX)},
		y:          [2]C.struct_turbo_axis{y.axis(1, turn.mirrorY), y.axis(c.rows, turn.mirrorY)},
		transposed: flag(turn.transposed), mirror_x: flag(turn.mirrorX), mirror_y: flag(turn.mirrorY),
		out_width: C.int(x.frame), out_height: C.int(y.frame), out_samp: samplings[c],
		quality: C.int(t.Quality),
		memory:  C.size_t(float64(m.Cost(h, t)) - decoderCost(level, t)),
	}
	luma, cb, cr := color.RGBToYCbCr(t.Background.RGB())
	job.background = [3]C.uint8_t{C.uint8_t(luma), C.uint8_t(cb), C.uint8_t(cr)}
	var buf *C.uint8_t
	var n C.size_t
	in := (*C.uint8_t)(unsafe.SliceData(src))
	done := C.turbo_render(in, C.size_t(len(src)), &job, &buf, &n) //nolint:gocritic // what cgo makes of it
	if done == 0 {
		return pipeline.Rendition{}, false
	}
	defer C.turbo_free(buf)
	return pipeline.Rendition{Bytes: C.GoBytes(unsafe.Pointer(buf), C.int(n)), Width: x.frame, Height: y.frame}, true
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// turns are how the stored image becomes the upright one, by orientation: Exif
// 2.32, section 4.6.4. What is transposed is mirrored afterwards.
var turns = []struct{ transposed, mirrorX, mirrorY bool }{
	1: {false, false, false},
	2: {false, true, false},
	3: {false, true, true},
	4: {false, false, true},
	5: {true, false, false},
	6: {true, true, false},
	7: {true, true, true},
	8: {true, false, true},
}

// span is one axis of the upright image: pixels [at, at+length) of a frame show
// what is at from and after it in the source, step of its pixels each.
type span struct {
	frame, at, length int
	from, step        float64
	source            int // pixels of all of it
}

// spans are what the general way's stages, resize and frame, come to.
func spans(h pipeline.Header, t pipeline.Target) (x, y span) {
	src, want := upright(h), fit(upright(h), t)
	right, down := t.Position.Anchors()
	return newSpan(src.width, want.width, t.Width, t.Fit, right), newSpan(src.height, want.height, t.Height, t.Fit, down)
}

func newSpan(source, want, target int, f pipeline.Fit, anchor float64) span {
	s := span{frame: want, length: want, step: float64(source) / float64(want), source: source}
	switch f {
	case pipeline.Contain:
		s.frame, s.at = target, (target-want)/2
	case pipeline.Cover:
		s.frame = min(target, want)
		s.length = s.frame
		s.from = s.step * float64(int(float64(want-s.frame)*anchor))
	}
	return s
}

// axis is how the span is made for a plane of which each sample is so many
// pixels of the frame. Those at the ends may reach beyond the image.
func (s span) axis(pixels int, mirrored bool) C.struct_turbo_axis {
	end := s.at + s.length
	first, last := s.at/pixels, (end+pixels-1)/pixels
	step := s.step * float64(pixels)
	from := s.from + s.step*float64(first*pixels-s.at)
	if mirrored {
		from = float64(s.source) - from - step*float64(last-first)
	}
	return C.struct_turbo_axis{
		samples:    C.lanczos_axis{from: C.double(from), step: C.double(step), n: C.int(last - first)},
		at:         C.int(first),
		half_first: flag(s.at%pixels != 0),
		half_last:  flag(end%pixels != 0 && end < s.frame),
	}
}
