package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/tiff"

	"sluice/pipeline"
)

// rawTIFF is a TIFF made by hand: a strip of pixels, or one a band if they are in
// planes, and the tags given, which are SHORTs.
func rawTIFF(order binary.AppendByteOrder, width, height int, pixels []byte, tags map[uint16][]uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	const data = 4096 // where the pixels begin
	all := map[uint16][]uint32{
		tiffWidth: {uint32(width)}, tiffHeight: {uint32(height)}, tiffCompression: {1}, tiffRowsPerStrip: {uint32(height)},
	}
	for tag, values := range tags {
		all[tag] = nil
		for _, v := range values {
			all[tag] = append(all[tag], uint32(v))
		}
	}
	strips := 1
	if tags[tiffPlanar] != nil {
		strips = int(tags[tiffSamples][0])
	}
	for i := range strips {
		all[tiffStripOffsets] = append(all[tiffStripOffsets], uint32(data+i*len(pixels)/strips))
		all[tiffStripBytes] = append(all[tiffStripBytes], uint32(len(pixels)/strips))
	}
	var order16 []uint16
	for tag := range 400 {
		if all[uint16(tag)] != nil {
			order16 = append(order16, uint16(tag))
		}
	}
	behind := uint32(8 + 2 + 12*len(order16) + 4)
	var extra []byte
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, uint16(len(order16)))
	for _, tag := range order16 {
		values := all[tag]
		b = order.AppendUint16(b, tag)
		kind, put := uint16(4), order.AppendUint32
		if tags[tag] != nil {
			kind, put = 3, func(b []byte, v uint32) []byte { return order.AppendUint16(b, uint16(v)) }
		}
		b = order.AppendUint16(b, kind)
		b = order.AppendUint32(b, uint32(len(values)))
		var packed []byte
		for _, v := range values {
			packed = put(packed, v)
		}
		if len(packed) <= 4 {
			b = append(append(b, packed...), make([]byte, 4-len(packed))...)
			continue
		}
		b = order.AppendUint32(b, behind+uint32(len(extra)))
		extra = append(extra, packed...)
	}
	b = append(order.AppendUint32(b, 0), extra...)
	return append(append(b, make([]byte, data-len(b))...), pixels...)
}

// rgb are im's pixels without alpha, in 8 or 16 bits.
func rgb(im *image.NRGBA, order binary.AppendByteOrder, deep bool) (out []byte) {
	for i := 0; i < len(im.Pix); i += 4 {
		for _, v := range im.Pix[i : i+3] {
			if deep {
				out = order.AppendUint16(out, uint16(v)*257)
			} else {
				out = append(out, v)
			}
		}
	}
	return out
}

func goTIFF(im image.Image, c tiff.CompressionType) []byte {
	var b bytes.Buffer
	if err := tiff.Encode(&b, im, &tiff.Options{Compression: c, Predictor: c != tiff.Uncompressed}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestTheOtherFormatsLookLikeWhatWasPutIn(t *testing.T) {
	imager()
	im := photo(240, 192)
	grey := image.NewGray(im.Rect)
	draw.Draw(grey, grey.Rect, im, image.Point{}, draw.Src)
	deep := image.NewRGBA64(im.Rect)
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	palette := image.NewPaletted(im.Rect, color.Palette{color.Black, color.White, color.NRGBA{200, 30, 30, 255}, color.NRGBA{30, 90, 200, 255}})
	draw.Draw(palette, palette.Rect, im, image.Point{}, draw.Src)
	black := image.NewPaletted(im.Rect, color.Palette{color.Black, color.White})
	draw.Draw(black, black.Rect, im, image.Point{}, draw.Src)
	three := map[uint16][]uint16{tiffBits: {8, 8, 8}, tiffPhotometric: {2}, tiffSamples: {3}}
	deepThree := map[uint16][]uint16{tiffBits: {16, 16, 16}, tiffPhotometric: {2}, tiffSamples: {3}}
	var planes []byte
	for b := range 3 {
		for i := b; i < len(im.Pix); i += 4 {
			planes = append(planes, im.Pix[i])
		}
	}
	inverted := image.NewGray(im.Rect)
	for i, v := range grey.Pix {
		inverted.Pix[i] = 255 - v
	}
	for _, c := range []struct {
		name string
		src  []byte
		like image.Image
		// The mean difference allowed, in levels: what the coder loses, and
		// for AVIF and HEIC chroma at half the size.
		mean float64
	}{
		{"GIF of four colours", gifOf(palette), palette, 1.5},
		{"GIF of two colours", gifOf(black), black, 1.5},
		{"TIFF by Go, no compression", goTIFF(im, tiff.Uncompressed), im, 1.5},
		{"TIFF by Go, deflate and predictor", goTIFF(im, tiff.Deflate), im, 1.5},
		{"16-bit TIFF by Go", goTIFF(deep, tiff.Deflate), im, 1.5},
		{"grey TIFF", goTIFF(grey, tiff.Uncompressed), grey, 1.5},
		{"TIFF with a palette", goTIFF(palette, tiff.Deflate), palette, 1.5},
		{"little-endian TIFF by hand", rawTIFF(binary.LittleEndian, 240, 192, rgb(im, binary.LittleEndian, false), three), im, 1.5},
		{"big-endian TIFF by hand", rawTIFF(binary.BigEndian, 240, 192, rgb(im, binary.BigEndian, false), three), im, 1.5},
		{"big-endian 16-bit TIFF", rawTIFF(binary.BigEndian, 240, 192, rgb(im, binary.BigEndian, true), deepThree), im, 1.5},
		{"TIFF in planes", rawTIFF(binary.LittleEndian, 240, 192, planes, map[uint16][]uint16{tiffBits: {8, 8, 8}, tiffPhotometric: {2}, tiffSamples: {3}, tiffPlanar: {2}}), im, 1.5},
		{"TIFF whose white is 0", rawTIFF(binary.LittleEndian, 240, 192, inverted.Pix, map[uint16][]uint16{tiffBits: {8}, tiffPhotometric: {0}}), grey, 1.5},
		{"LZW TIFF", tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionLzw, Predictor: vips.TiffPredictorHorizontal}), im, 1.5},
		{"PackBits TIFF", tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionPackbits}), im, 1.5},
		{"JPEG TIFF", tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionJpeg, Quality: 95}), im, 2.5},
		{"tiled TIFF", tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionDeflate, Tile: true, TileWidth: 64, TileHeight: 64}), im, 1.5},
		{"AVIF", avifOf(im, true, vips.AvifExportParams{Quality: 85, Bitdepth: 8, Effort: 1}), im, 3},
		{"HEIC", heicOf(im), im, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range []size{{60, 48}, {150, 101}} {
				got := rendered(t, c.src, target(s.width, s.height, pipeline.Fill, pipeline.PNG))
				if mean, worst := difference(t, got, scaled(c.like, s)); mean > c.mean {
					t.Errorf("to %v: differs by %.2f levels on average, %.0f at worst; %.1f is allowed", s, mean, worst, c.mean)
				}
			}
		})
	}
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}

func TestProbeReadsTheOtherHeaders(t *testing.T) {
	imager()
	im := photo(60, 40)
	deep := image.NewRGBA64(im.Rect)
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	for _, c := range []struct {
		name string
		src  []byte
		want pipeline.Header
	}{
		{"GIF", gifOf(im), pipeline.Header{Format: "gif", Width: 60, Height: 40, Bands: 4, Depth: 8, Alpha: true}},
		{"TIFF", goTIFF(im, tiff.Uncompressed), pipeline.Header{Format: "tiff", Width: 60, Height: 40, Bands: 4, Depth: 8, Alpha: true, Chunk: 40}},
		{"flat TIFF", tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionLzw}), pipeline.Header{Format: "tiff", Width: 60, Height: 40, Bands: 3, Depth: 8, Chunk: 40, Orientation: 1}},
		{"tiled TIFF", tiffOf(im, vips.TiffExportParams{Tile: true, TileWidth: 32, TileHeight: 16, Compression: vips.TiffCompressionLzw}), pipeline.Header{Format: "tiff", Width: 60, Height: 40, Bands: 3, Depth: 8, Chunk: 16, Orientation: 1}},
		{"AVIF", avifOf(im, true, vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 1}), pipeline.Header{Format: "avif", Width: 60, Height: 40, Bands: 3, Depth: 8, Subsampled: true}},
		{"AVIF with alpha", avifOf(half(im), false, vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 1}), pipeline.Header{Format: "avif", Width: 60, Height: 40, Bands: 4, Depth: 8, Subsampled: true, Alpha: true}},
		{"HEIC", heicOf(im), pipeline.Header{Format: "heic", Width: 60, Height: 40, Bands: 3, Depth: 8, Subsampled: true, Orientation: 1}},
	} {
		got, err := imager().Probe(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want.Orientation == 1 {
			got.Orientation = 1 // either is upright
		}
		if c.want.Chunk == 40 {
			got.Chunk = min(got.Chunk, 40)
		}
		if got != c.want {
			t.Errorf("%s: %+v\nwant %+v", c.name, got, c.want)
		}
	}
}
