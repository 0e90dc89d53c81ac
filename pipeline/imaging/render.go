package imaging

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/png"
	"sync"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// Render decodes, orients, resizes and encodes src. It looks at ctx before it
// starts: once libvips has begun there is no way to stop it.
func (m *Imager) Render(ctx context.Context, src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	if err := cmp.Or(ctx.Err(), t.Check(), m.lack(h), h.Accept(t)); err != nil {
		return pipeline.Rendition{}, err
	}
	if h.Skip < 0 || h.Skip > len(src) {
		return pipeline.Rendition{}, corrupt("%d bytes of junk in %d bytes", h.Skip, len(src))
	}
	src = src[h.Skip:]
	if out, ok := m.turbo(src, h, t); ok {
		return out, nil
	}
	return general(src, h, t)
}

// general is the way of every image that has no shorter one.
func general(src []byte, h pipeline.Header, t pipeline.Target) (pipeline.Rendition, error) {
	damage := inspect(src, h)
	if d, ok := pipeline.AsRowError(damage); ok && (!t.AcceptTruncated || d.Class == pipeline.Unsupported) {
		return pipeline.Rendition{}, d
	}
	l := strict
	if damage != nil || checked(h) {
		l = lenient
	}
	if h.Truncated != "" && h.Format == "webp" {
		src = padWebP(src)
	}
	out, err := render(src, h, t, l)
	if err != nil && l == strict && h.Format == "jpeg" {
		// A warning of libjpeg was an error, and it may have been about a
		// harmless oddity of the header.
		if j, _ := parseJPEG(src); t.AcceptTruncated || j.odd {
			if damage = inspectJPEG(src); damage == nil || t.AcceptTruncated {
				out, err = render(src, h, t, lenient)
			}
		}
	} else if err != nil && l == strict && t.AcceptTruncated {
		damage = whose(err, h, t)
		if _, ok := pipeline.AsRowError(damage); ok {
			out, err = render(src, h, t, lenient)
		}
	}
	if err != nil && t.KeepMetadata {
		// What is wrong may be its metadata, which are worth less than it is.
		bare := t
		bare.KeepMetadata = false
		out, err = render(src, h, bare, l)
	}
	if err != nil && h.Truncated != "" {
		return pipeline.Rendition{}, truncated("%s, and what there is does not decode", h.Truncated)
	}
	if err != nil {
		return pipeline.Rendition{}, whose(err, h, t)
	}
	out.Damage, _ = pipeline.AsRowError(damage)
	return out, nil
}

// inspect is what is wrong with an image that libvips would not notice, or not
// always.
func inspect(src []byte, h pipeline.Header) error {
	if h.Truncated != "" {
		return truncated("%s", h.Truncated)
	}
	switch h.Format {
	case "jpeg":
		if checked(h) {
			return inspectJPEG(src)
		}
	case "png":
		return inspectPNG(src)
	case "gif":
		return inspectGIF(src)
	case "webp":
		return inspectWebP(src)
	case "avif", "heic":
		return inspectHEIF(src)
	}
	return nil
}

// checked reports whether inspect has found out all that a decoder would warn
// about. A progressive JPEG is unpacked as a whole before its first row, and
// there libvips does look at the warnings.
func checked(h pipeline.Header) bool { return h.Format == "jpeg" && !h.Progressive }

// whose is err as the row's own or as a fault of ours. libvips has one text of
// errors for the whole process, so what it says cannot be told from what
// another image made it say. But its surroundings can be tried: if a sound
// image cannot be made into t either, it is them.
func whose(err error, h pipeline.Header, t pipeline.Target) error {
	if re, ok := pipeline.AsRowError(err); ok {
		return re
	}
	t.Width, t.Height = min(t.Width, 16), min(t.Height, 16)
	sound := pipeline.Header{Format: "png", Width: 4, Height: 4, Bands: 4, Depth: 8, Alpha: true}
	if _, ours := render(canary(), sound, t, strict); ours != nil {
		return fmt.Errorf("imaging: libvips cannot render even a sound image: %w", ours)
	}
	return corrupt("a %s of %d x %d pixels that does not decode", h.Format, h.Width, h.Height)
}

// canary is a sound image.
var canary = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	// Nothing in it can fail.
	_ = png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 4, 4)))
	return b.Bytes()
})

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
	defer func() { im.Close() }()
	for _, stage := range []func(*vips.ImageRef, pipeline.Header, pipeline.Target) error{
		orient,
		reduceDepth,
		flattenEarly,
		resize,
		toSRGB,
		flatten,
	} {
		if err := stage(im, h, t); err != nil {
			return out, err
		}
	}
	if searches(t) && streams(h, t) {
		held, err := hold(im)
		if err != nil {
			return out, err
		}
		im.Close()
		im = held
	}
	if err := frame(im, h, t); err != nil {
		return out, err
	}
	out = pipeline.Rendition{Width: im.Width(), Height: im.Height()}
	out.Bytes, err = encode(im, t)
	return out, err
}
