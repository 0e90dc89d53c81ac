package imaging

import (
	"math"

	"sluice/pipeline"
)

// The figures of this file were measured with libvips 8.14.1, libjpeg-turbo
// 2.1.5, libpng 1.6.39 and libwebp 1.2.4, as the rise of VmHWM in a process of
// its own: sources of 0.01 to 12 MP, wide and tall ones among them, and targets
// of 8 to 4096 pixels. TestCost measures some of them again.

const (
	// fixedCost is what an image of any size takes: contexts, tables, threads'
	// caches. cmykCost is what comes on top for libvips' profile of CMYK and the
	// transform made of it: 9 MB were measured.
	fixedCost = 2 << 20
	cmykCost  = 10 << 20
	// A pipeline holds a window of its source's rows: libvips' line cache and
	// the regions of each operation. Measured: 1,560 rows, and 2.0 times what
	// there is of a low image.
	windowRows   = 1800
	windowImages = 2.25
	// It also holds rows of its result: 300 were measured.
	resultRows = 400
)

// Cost is the memory in bytes that Render takes besides src, from above.
func (m *Imager) Cost(h pipeline.Header, t pipeline.Target) int64 {
	cost := fixedCost + decoderCost(h, t) + windowCost(h, t) + resultCost(h, t)
	// float64 counts bytes exactly up to 8 PB, and does not wrap.
	return int64(math.Min(cost, math.MaxInt64/2))
}

// bytesPerPixel is a pixel's size as the decoder hands it out.
func bytesPerPixel(h pipeline.Header) float64 {
	bands := h.Bands
	if bands == 0 {
		bands = 5 // unknown: CMYK with alpha
	}
	if h.Depth > 8 {
		return float64(2 * bands)
	}
	return float64(bands)
}

// decoded is the size of what the decoder hands out; some round up.
func decoded(h pipeline.Header, t pipeline.Target) (width, height float64) {
	n := decoderShrink(h, t)
	return float64(h.Width/n + 1), float64(h.Height/n + 1)
}

// decoderCost is what the decoder holds until its last pixel.
func decoderCost(h pipeline.Header, t pipeline.Target) float64 {
	width, height := decoded(h, t)
	cost := 0.0
	switch h.Format {
	case "jpeg":
		if h.Progressive {
			// All coefficients, 2 bytes each, of blocks of up to 32 x 32 pixels:
			// one a pixel and band, or half as many in 4:2:0. And a tenth.
			coefficients := bytesPerPixel(h)
			if h.Subsampled {
				coefficients /= 2
			}
			cost = 2.2 * coefficients * float64((uint64(h.Width)+31)&^31*((uint64(h.Height)+31)&^31))
		}
		if h.Bands == 4 {
			cost += cmykCost
		}
	case "png":
		if h.Progressive {
			cost = bytesPerPixel(h) * width * height
		}
	case "webp":
		// libvips' canvas and its frame, both RGBA; in libwebp the whole ARGB if
		// it is lossless, else rows of macroblocks, and alpha.
		cost = 2 * 4 * width * height
		if h.Lossless {
			cost += 4.2 * float64(h.Pixels())
		} else {
			cost += 512 * float64(h.Width)
		}
		if h.Alpha {
			cost += float64(h.Pixels())
		}
		if h.Truncated != "" {
			cost += 2 * float64(h.Pixels()) // the source again, filled up
		}
	case "gif":
		// The canvas as RGBA, in libnsgif and in libvips' image.
		cost = 8 * width * height
	case "tiff":
		// A strip or a row of tiles, as it is stored and as it is handed out.
		cost = 2.5 * bytesPerPixel(h) * width * math.Min(float64(h.Chunk), height)
	case "avif", "heic":
		// The decoder's frames, and libheif's of them, and libvips' image.
		perPixel := 9.0
		if !h.Subsampled {
			perPixel = 16
		}
		if h.Depth > 8 {
			perPixel *= 2
		}
		if h.Alpha {
			perPixel *= 1.5
		}
		cost = perPixel * width * height
	case "jp2":
		// OpenJPEG's, 32 bits a band, twice.
		cost = 8 * float64(max(1, h.Bands)) * width * height
	}
	if !streams(h, t) {
		cost += bytesPerPixel(h) * width * height
	}
	return cost
}

// windowCost is what the pipeline holds of its source at a time.
func windowCost(h pipeline.Header, t pipeline.Target) float64 {
	width, height := decoded(h, t)
	pixel := bytesPerPixel(h)
	if h.Alpha && (h.Bands != 4 || !whitens(t)) {
		pixel += 8 // premultiplied, in floating point: 16, in half the rows
	}
	window := width * math.Min(windowRows, windowImages*height)
	if sideways(h.Orientation) {
		// One window on the image as it is stored, then one on it upright.
		window = math.Max(window, height*math.Min(windowRows, windowImages*width))
	}
	return pixel * window
}

// resultCost is what encoder and result take: rows, and the encoded bytes twice
// over, in a buffer that doubles as it grows and in the copy for Go. They are
// taken for as many as the pixels have, since noise does not compress.
func resultCost(h pipeline.Header, t pipeline.Target) float64 {
	out := size{t.Width, t.Height}
	if t.Fit == pipeline.Inside {
		out = fit(upright(h), t)
	}
	held := 0.0
	if searches(t) {
		// The whole of what is cropped, by libvips, by Go and by libvips again.
		all := fit(upright(h), t)
		held = 3 * 4 * float64(all.width) * float64(all.height)
	}
	alpha := !flattens(t) && (h.Alpha || t.Fit == pipeline.Contain)
	pixels := float64(out.width) * float64(out.height)
	rows := held + 4*float64(out.width)*math.Min(resultRows, float64(out.height))
	switch {
	case t.Format == pipeline.WebP && alpha:
		return rows + 26*pixels // a frame, and alpha as a lossless image: 21 were measured
	case t.Format == pipeline.WebP:
		return rows + 12*pixels // a frame: 5 were measured
	case t.Format == pipeline.PNG && alpha:
		return rows + 3*4*pixels
	}
	return rows + 3*3*pixels
}
