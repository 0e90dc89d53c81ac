package imaging

import (
	"cmp"
	"context"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// Render decodes, orients, resizes and encodes src. It looks at ctx before it
// starts: once libvips has begun there is no way to stop it.
func (m *Imager) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	if err := cmp.Or(ctx.Err(), t.Check()); err != nil {
		return pipeline.Rendition{}, err
	}
	if out, ok := m.turbo(src, h, t); ok {
		return out, nil
	}
	out, err := render(src, h, t, strict)
	if err != nil && h.Format == "jpeg" {
		// A warning of libjpeg was an error, and it may have been about a
		// harmless oddity of the header.
		if j, _ := parseJPEG(src); j.odd {
			out, err = render(src, h, t, lenient)
		}
	}
	if _, ok := pipeline.AsRowError(err); err != nil && !ok {
		// libvips has one text of errors for the whole process, so whose it is
		// cannot be known. But the header was sound, and libvips decodes while
		// it encodes: what failed is the decoding.
		err = corrupt("a %s of %d x %d pixels that does not decode", h.Format, h.Width, h.Height)
	}
	return out, err
}

// render is an image's way. Nothing is decoded before the last stage asks for
// pixels, but for what cannot be streamed.
func render(src []byte, h pipeline.Header, t pipeline.Target, l leniency) (out pipeline.Rendition, err error) {
	defer func() {
		// govips should not panic. If it does, the image costs its own row.
		if r := recover(); r != nil {
			err = corrupt("decoding panicked: %v", r)
		}
	}()
	im, err := load(src, h, t, l)
	if err != nil {
		return out, err
	}
	defer im.Close()
	for _, stage := range []func(*vips.ImageRef, pipeline.Header, pipeline.Target) error{
		orient,
		reduceDepth,
		flatten,
		resize,
		toSRGB,
		frame,
	} {
		if err := stage(im, h, t); err != nil {
			return out, err
		}
	}
	out = pipeline.Rendition{Width: im.Width(), Height: im.Height()}
	out.Bytes, err = encode(im, t)
	return out, err
}
