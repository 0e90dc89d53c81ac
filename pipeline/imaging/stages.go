package imaging

import (
	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// orient turns im upright, once: what says which way up it was is not written.
func orient(im *vips.ImageRef, h pipeline.Header, _ pipeline.Target) error {
	// Exif 2.32, section 4.6.4: where the first row and the first column of the
	// stored image are.
	turns := []struct {
		mirror bool // left and right, first
		angle  vips.Angle
	}{
		1: {false, vips.Angle0},
		2: {true, vips.Angle0},
		3: {false, vips.Angle180},
		4: {true, vips.Angle180},
		5: {true, vips.Angle270},
		6: {false, vips.Angle90},
		7: {true, vips.Angle90},
		8: {false, vips.Angle270},
	}
	turn := turns[max(1, h.Orientation)]
	if turn.mirror {
		if err := im.Flip(vips.DirectionHorizontal); err != nil {
			return err
		}
	}
	if turn.angle == vips.Angle0 {
		return nil
	}
	return im.Rotate(turn.angle)
}

// reduceDepth makes 8 bits a band of 16, before anything is computed with them.
func reduceDepth(im *vips.ImageRef, _ pipeline.Header, _ pipeline.Target) error {
	switch im.Interpretation() {
	case vips.InterpretationRGB16:
		return im.ToColorSpace(vips.InterpretationSRGB)
	case vips.InterpretationGrey16:
		return im.ToColorSpace(vips.InterpretationBW)
	}
	return nil
}

// flatten puts im on white if the target has no alpha. Done before resizing it
// gives the same, and spares resizing a premultiplied image in floating point.
func flatten(im *vips.ImageRef, _ pipeline.Header, t pipeline.Target) error {
	if t.Format != pipeline.JPEG || !im.HasAlpha() {
		return nil
	}
	return im.Flatten(&vips.Color{R: 255, G: 255, B: 255})
}

// resize is Lanczos-3 downwards, and upwards bicubic, which libvips 8.14 puts
// half a pixel of the result too far right and down. govips premultiplies alpha.
func resize(im *vips.ImageRef, h pipeline.Header, t pipeline.Target) error {
	want := fit(upright(h), t)
	if im.Width() == want.width && im.Height() == want.height {
		return nil
	}
	x := float64(want.width) / float64(im.Width())
	y := float64(want.height) / float64(im.Height())
	return im.ResizeWithVScale(x, y, vips.KernelLanczos3)
}

// toSRGB makes three bands of sRGB, besides alpha. It comes after resizing,
// when there are fewer pixels.
func toSRGB(im *vips.ImageRef, _ pipeline.Header, _ pipeline.Target) error {
	if profile := im.GetICCProfile(); len(profile) > 0 && !isSRGB(profile) {
		// libvips' own sRGB profile: govips would write one to a file. An
		// embedded profile that makes no sense is ignored, as viewers do.
		_ = im.TransformICCProfileWithFallback("srgb", "srgb")
	}
	if im.Interpretation() == vips.InterpretationSRGB {
		return nil
	}
	return im.ToColorSpace(vips.InterpretationSRGB)
}

// frame crops to the target's size (Cover) or pads to it (Contain).
func frame(im *vips.ImageRef, _ pipeline.Header, t pipeline.Target) error {
	x, y := im.Width()-t.Width, im.Height()-t.Height
	switch {
	case t.Fit == pipeline.Cover && (x > 0 || y > 0):
		return im.ExtractArea(x/2, y/2, t.Width, t.Height)
	case t.Fit == pipeline.Contain && (x < 0 || y < 0):
		background := &vips.ColorRGBA{R: 255, G: 255, B: 255, A: 255}
		if t.Format != pipeline.JPEG {
			if !im.HasAlpha() {
				if err := im.AddAlpha(); err != nil {
					return err
				}
			}
			background = &vips.ColorRGBA{}
		}
		return im.EmbedBackgroundRGBA(-x/2, -y/2, t.Width, t.Height, background)
	}
	return nil
}
