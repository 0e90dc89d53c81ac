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

// flattens reports whether transparency becomes the target's background.
func flattens(t pipeline.Target) bool { return t.Background != pipeline.Transparent }

// whitens reports whether transparency becomes white.
func whitens(t pipeline.Target) bool {
	r, g, b := t.Background.RGB()
	return flattens(t) && min(r, g, b) == 255
}

// flattenEarly puts im on white if that is the background. Done before resizing
// it gives the same, and spares resizing a premultiplied image in floating
// point. Of grey or inks it would not be white.
func flattenEarly(im *vips.ImageRef, _ pipeline.Header, t pipeline.Target) error {
	if !whitens(t) || !im.HasAlpha() || im.Interpretation() != vips.InterpretationSRGB {
		return nil
	}
	return im.Flatten(&vips.Color{R: 255, G: 255, B: 255})
}

// flatten puts im, which is sRGB by now, on the background.
func flatten(im *vips.ImageRef, _ pipeline.Header, t pipeline.Target) error {
	if !flattens(t) || !im.HasAlpha() {
		return nil
	}
	r, g, b := t.Background.RGB()
	return im.Flatten(&vips.Color{R: r, G: g, B: b})
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
	switch t.Fit {
	case pipeline.Cover:
		return crop(im, t)
	case pipeline.Contain:
		return pad(im, t)
	}
	return nil
}

func crop(im *vips.ImageRef, t pipeline.Target) error {
	width, height := min(t.Width, im.Width()), min(t.Height, im.Height())
	x, y := im.Width()-width, im.Height()-height
	switch {
	case x == 0 && y == 0:
		return nil
	case t.Position == pipeline.Attention:
		return im.SmartCrop(width, height, vips.InterestingAttention)
	case t.Position == pipeline.Entropy:
		return im.SmartCrop(width, height, vips.InterestingEntropy)
	}
	right, down := t.Position.Anchors()
	return im.ExtractArea(int(float64(x)*right), int(float64(y)*down), width, height)
}

// hold is im in memory, without its metadata. What looks for the part to keep
// looks more than once, and each time im would be decoded and resized anew.
func hold(im *vips.ImageRef) (*vips.ImageRef, error) {
	pixels, err := im.ToGoImage()
	if err != nil {
		return nil, err
	}
	alpha := im.HasAlpha()
	held, err := vips.NewImageFromGoImage(pixels)
	if err != nil || alpha || !held.HasAlpha() {
		return held, err
	}
	if err := held.ExtractBand(0, held.Bands()-1); err != nil {
		held.Close()
		return nil, err
	}
	return held, nil
}

func pad(im *vips.ImageRef, t pipeline.Target) error {
	x, y := t.Width-im.Width(), t.Height-im.Height()
	if x <= 0 && y <= 0 {
		return nil
	}
	r, g, b := t.Background.RGB()
	background := &vips.ColorRGBA{R: r, G: g, B: b, A: 255}
	if !flattens(t) {
		if !im.HasAlpha() {
			if err := im.AddAlpha(); err != nil {
				return err
			}
		}
		background = &vips.ColorRGBA{}
	}
	return im.EmbedBackgroundRGBA(x/2, y/2, t.Width, t.Height, background)
}
