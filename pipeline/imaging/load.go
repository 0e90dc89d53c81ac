package imaging

import (
	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// leniency is what a decoder may find wrong with an image.
type leniency bool

const (
	// strict fails on whatever the decoder warns about: lost data, that is,
	// which it would replace by grey.
	strict leniency = false
	// lenient fails only if nothing can be decoded.
	lenient leniency = true
)

// load opens src, scaled down as far as t allows by the decoder itself.
func load(src []byte, h pipeline.Header, t pipeline.Target, l leniency) (*vips.ImageRef, error) {
	p := vips.NewImportParams()
	p.FailOnError.Set(l == strict)
	if streams(h, t) {
		p.Access.Set(vips.AccessSequential)
	} else {
		p.Access.Set(vips.AccessRandom)
	}
	n := decoderShrink(h, t)
	switch h.Format {
	case "jpeg":
		p.JpegShrinkFactor.Set(n)
	case "webp":
		p.WebpScaleFactor.Set(1 / float64(n))
	case "avif", "heic":
		// libheif turns by what the file itself says, as its header counts on.
		p.AutoRotate.Set(true)
	}
	im, err := vips.LoadImageFromBuffer(src, p)
	if err != nil {
		return nil, err
	}
	// Cost was worked out from the header, so the decoder must agree with it.
	// It rounds the size either way.
	if abs(im.Width()-h.Width/n) > 1 || abs(im.Height()-h.Height/n) > 1 {
		im.Close()
		return nil, corrupt("the decoder finds another size than the header says")
	}
	if im.Pages() > 1 {
		// The first frame of an animation was loaded. It is one page of one.
		if err := im.SetPages(1); err != nil {
			im.Close()
			return nil, err
		}
	}
	return im, nil
}

// streams reports whether the pixels are needed once, in the order in which they
// are stored. Whatever turns an image around, but for a mirror, needs them all,
// and so does what looks for the part to keep, unless the result is held.
func streams(h pipeline.Header, t pipeline.Target) bool {
	return h.Orientation <= 2 && (!searches(t) || !t.KeepMetadata)
}

// searches reports whether the crop is where the picture says.
func searches(t pipeline.Target) bool {
	return t.Fit == pipeline.Cover && (t.Position == pipeline.Attention || t.Position == pipeline.Entropy)
}

// lacking are the formats of which this libvips has no decoder. It is asked once:
// govips starts libvips for the question, if nobody has.
func lacking() map[string]bool {
	none := map[string]bool{}
	for format, t := range vipsTypes {
		none[format] = !vips.IsTypeSupported(t)
	}
	return none
}

var vipsTypes = map[string]vips.ImageType{
	"jpeg": vips.ImageTypeJPEG,
	"png":  vips.ImageTypePNG,
	"webp": vips.ImageTypeWEBP,
	"gif":  vips.ImageTypeGIF,
	"tiff": vips.ImageTypeTIFF,
	"avif": vips.ImageTypeAVIF,
	"heic": vips.ImageTypeHEIF,
	"jp2":  vips.ImageTypeJP2K,
}

// decoderShrink is the factor by which the decoder scales h down for t. JPEG's
// works on the coefficients, WebP's is a box filter; with Lanczos-3 after either
// the result is, by SSIM, within 0.005 of a full decode on photographs.
func decoderShrink(h pipeline.Header, t pipeline.Target) int {
	switch {
	case h.Format == "jpeg":
	case h.Format == "webp" && !h.Alpha:
		// libwebp averages colours without regard to alpha, which leaves dark
		// fringes.
	default:
		return 1
	}
	want := fit(upright(h), t)
	if sideways(h.Orientation) {
		want = want.swapped()
	}
	return shrink(size{h.Width, h.Height}, want)
}

// upright is the size of an image the right way up.
func upright(h pipeline.Header) size {
	if sideways(h.Orientation) {
		return size{h.Height, h.Width}
	}
	return size{h.Width, h.Height}
}

func abs(n int) int { return max(n, -n) }
