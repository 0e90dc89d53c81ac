package imaging

import (
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"sync"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/tiff"

	"sluice/pipeline"
)

func TestCostIsAboveTheMeasuredPeak(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory of its own: make test runs this without it")
	}
	if testing.Short() {
		t.Skip("makes images of 12 MP and starts a process for each")
	}
	imager()
	make12MP := sync.OnceValue(func() *image.NRGBA { return photo(4000, 3000) })
	sources := []struct {
		name string
		make func() []byte
	}{
		{"JPEG", func() []byte { return jpegOf(make12MP(), 85) }},
		{"JPEG on its side", func() []byte { return withExif(jpegOf(make12MP(), 85), 6) }},
		{"progressive JPEG 4:2:0", func() []byte { return progressiveJPEG(make12MP(), vips.VipsForeignSubsampleOn) }},
		{"progressive JPEG 4:4:4", func() []byte { return progressiveJPEG(make12MP(), vips.VipsForeignSubsampleOff) }},
		{"CMYK JPEG", func() []byte { return cmykJPEG(make12MP()) }},
		{"PNG", func() []byte { return pngOf(make12MP()) }},
		{"PNG with alpha", func() []byte { return pngOf(half(make12MP())) }},
		{"interlaced PNG", func() []byte { return interlacedPNG(make12MP()) }},
		{"WebP", func() []byte { return webpOf(make12MP(), true, vips.WebpExportParams{Quality: 80}) }},
		{"WebP with alpha", func() []byte { return webpOf(half(make12MP()), false, vips.WebpExportParams{Quality: 80}) }},
		{"lossless WebP", func() []byte { return webpOf(make12MP(), true, vips.WebpExportParams{Lossless: true}) }},
		{"GIF", func() []byte { return gifOf(make12MP()) }},
		{"GIF with alpha", func() []byte { return gifOf(half(make12MP())) }},
		{"TIFF in strips", func() []byte { return tiffOf(make12MP(), vips.TiffExportParams{Compression: vips.TiffCompressionLzw}) }},
		{"TIFF in tiles", func() []byte {
			return tiffOf(make12MP(), vips.TiffExportParams{Compression: vips.TiffCompressionLzw, Tile: true, TileWidth: 256, TileHeight: 256})
		}},
		{"TIFF in one strip", func() []byte {
			return rawTIFF(binary.LittleEndian, 4000, 3000, rgb(make12MP(), binary.LittleEndian, false), map[uint16][]uint16{tiffBits: {8, 8, 8}, tiffPhotometric: {2}, tiffSamples: {3}})
		}},
		{"packed TIFF in one strip", func() []byte { return goTIFF(make12MP(), tiff.Deflate) }},
		{"TIFF in planes", func() []byte {
			return rawTIFF(binary.LittleEndian, 4000, 3000, rgb(make12MP(), binary.LittleEndian, false), map[uint16][]uint16{tiffBits: {8, 8, 8}, tiffPhotometric: {2}, tiffSamples: {3}, tiffPlanar: {2}})
		}},
		{"AVIF", func() []byte {
			return avifOf(make12MP(), true, vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 0})
		}},
		{"AVIF with alpha", func() []byte {
			return avifOf(half(make12MP()), false, vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 0})
		}},
		{"HEIC", func() []byte { return heicOf(photo(2000, 1500)) }},
		{"wide JPEG on its side", func() []byte { return withExif(jpegOf(photo(12000, 700), 85), 6) }},
		{"wide PNG", func() []byte { return pngOf(photo(12000, 700)) }},
		{"tall WebP", func() []byte { return webpOf(photo(700, 12000), true, vips.WebpExportParams{Quality: 80}) }},
	}
	targets := []pipeline.Target{
		target(256, 256, pipeline.Fill, pipeline.JPEG),
		target(256, 256, pipeline.Contain, pipeline.PNG),
		target(1500, 2000, pipeline.Cover, pipeline.WebP),
		attentive(256, 256),
		transparent(1500, 2000),
	}
	for _, s := range sources {
		src := cached(t, "cost "+s.name, s.make)
		h, err := imager().Probe(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range targets {
			t.Run(fmt.Sprint(s.name, " to ", target.Format, target.Position, target.Background), func(t *testing.T) {
				took, cost := peak(t, src, target), imager().Cost(h, target)
				t.Logf("took %.1f MB, cost is %.1f MB", float64(took)/1e6, float64(cost)/1e6)
				if took > cost {
					t.Errorf("Render took %.1f MB, %.2f bytes a pixel, and was admitted for %.1f MB", float64(took)/1e6, float64(took)/float64(h.Pixels()), float64(cost)/1e6)
				}
				// What is admitted too dearly leaves decoders idle.
				if cost > 4*took+8<<20 {
					t.Errorf("Render took %.1f MB, and was admitted for %.1f MB", float64(took)/1e6, float64(cost)/1e6)
				}
			})
		}
	}
}

// The short way holds planes where the general one holds rows.
func TestTheShortWayTakesNoMoreThanItsCost(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory of its own: make test runs this without it")
	}
	if testing.Short() {
		t.Skip("makes images of 12 MP and starts a process for each")
	}
	imager()
	make12MP := sync.OnceValue(func() *image.NRGBA { return photo(4000, 3000) })
	for name, make := range map[string]func() []byte{
		"JPEG":                   func() []byte { return jpegOf(make12MP(), 85) },
		"JPEG on its side":       func() []byte { return withExif(jpegOf(make12MP(), 85), 6) },
		"progressive JPEG 4:2:0": func() []byte { return progressiveJPEG(make12MP(), vips.VipsForeignSubsampleOn) },
		"progressive JPEG 4:4:4": func() []byte { return progressiveJPEG(make12MP(), vips.VipsForeignSubsampleOff) },
		"tall JPEG":              func() []byte { return jpegOf(photo(700, 12000), 85) },
	} {
		src := cached(t, "cost "+name, make)
		h := must(imager().Probe(src))
		for _, to := range []pipeline.Target{
			target(256, 256, pipeline.Contain, pipeline.JPEG),
			target(1500, 2000, pipeline.Cover, pipeline.JPEG),
			target(600, 500, pipeline.Fill, pipeline.JPEG),
			target(2000, 1500, pipeline.Fill, pipeline.JPEG),
			target(3000, 3000, pipeline.Inside, pipeline.JPEG),
		} {
			to.NoEnlarge = true
			_, short := imager().turbo(src, h, to)
			took, cost := peak(t, src, to), imager().Cost(h, to)
			t.Logf("%s to %dx%d: short %t, took %.1f MB, cost is %.1f MB", name, to.Width, to.Height, short, float64(took)/1e6, float64(cost)/1e6)
			if took > cost {
				t.Errorf("%s to %dx%d, short %t, took %.1f MB, and was admitted for %.1f MB", name, to.Width, to.Height, short, float64(took)/1e6, float64(cost)/1e6)
			}
		}
	}
}

// attentive crops where there is something to see, which takes a second look.
func attentive(width, height int) pipeline.Target {
	t := target(width, height, pipeline.Cover, pipeline.JPEG)
	t.Position = pipeline.Attention
	return t
}

// transparent keeps alpha, which is resized with the rest.
func transparent(width, height int) pipeline.Target {
	t := target(width, height, pipeline.Cover, pipeline.WebP)
	t.Background = pipeline.Transparent
	return t
}

func TestCostDoesNotWrap(t *testing.T) {
	for _, format := range []string{"jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "jp2"} {
		h := pipeline.Header{Format: format, Width: math.MaxInt32, Height: math.MaxInt32, Bands: 4, Depth: 16, Progressive: true, Lossless: true, Alpha: true, Orientation: 6, Chunk: math.MaxInt32}
		if cost := new(Imager).Cost(h, target(pipeline.MaxSide, pipeline.MaxSide, pipeline.Fill, pipeline.WebP)); cost < 1<<60 {
			t.Errorf("%s: %d", format, cost)
		}
	}
}

func TestCostOfWhatIsUnknownIsTheWorst(t *testing.T) {
	known := pipeline.Header{Format: "jpeg", Width: 4000, Height: 3000, Bands: 4, Depth: 8, Progressive: true}
	unknown := known
	unknown.Bands = 0
	to := target(256, 256, pipeline.Fill, pipeline.JPEG)
	if new(Imager).Cost(unknown, to) < new(Imager).Cost(known, to)-cmykCost {
		t.Error("an image of unknown bands is cheaper than one of four")
	}
}
