package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// accepting renders src with what there is of it.
func accepting(t *testing.T, src []byte) (pipeline.Rendition, error) {
	t.Helper()
	to := target(64, 64, pipeline.Fill, pipeline.PNG)
	to.AcceptTruncated = true
	h, err := imager().Probe(src)
	if err != nil {
		return pipeline.Rendition{}, err
	}
	return imager().Render(t.Context(), src, h, to)
}

func TestWhatThereIsOfAnImageCanBeAccepted(t *testing.T) {
	im := photo(300, 220)
	for name, whole := range wholes(im) {
		t.Run(name, func(t *testing.T) {
			out, err := accepting(t, whole)
			if err != nil || out.Damage != nil {
				t.Fatalf("the whole: %v, %v", err, out.Damage)
			}
			want := decode(t, out.Bytes)
			out, err = accepting(t, whole[:len(whole)*3/4])
			if re, ok := pipeline.AsRowError(err); ok && re.Class == pipeline.Truncated && partless[name] {
				return // nothing can be made of it, and it says so
			}
			if err != nil {
				t.Fatalf("three quarters: %v", err)
			}
			if out.Damage == nil || out.Damage.Class != pipeline.Truncated || out.Damage.Message == "" {
				t.Errorf("the damage is %v", out.Damage)
			}
			// The top half is there: JPEGs on their side have it on the right.
			got := decode(t, out.Bytes)
			part := image.Rect(0, 0, 64, 20)
			if name == "JPEG" {
				part = image.Rect(44, 0, 64, 64)
			}
			limit := 3.0
			if name == "progressive JPEG" {
				limit = 20 // all of it is there, coarsely
			}
			sub := func(im image.Image) image.Image {
				return im.(interface {
					SubImage(image.Rectangle) image.Image
				}).SubImage(part)
			}
			if mean, _ := difference(t, sub(got), sub(want)); mean > limit {
				t.Errorf("what was there differs by %.1f levels", mean)
			}
		})
	}
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}

// partless are the formats of which a part is nothing, to the libraries that
// read them. A TIFF by libvips has its directory at its end.
var partless = map[string]bool{"AVIF": true, "HEIC": true, "TIFF": true, "tiled TIFF": true, "lossless WebP": true, "interlaced PNG": true}

// libvips looks at libjpeg's warnings before each strip of 8 rows, and after the
// last one no more.
func TestDamageInTheLastRowsOfAJPEGIsCorrupt(t *testing.T) {
	for _, width := range []int{300, 304, 2000} {
		for _, height := range []int{220, 224, 217} {
			whole := jpegOf(photo(width, height), 85)
			for _, lost := range []int{12, 25, 40} {
				holed := append(bytes.Clone(whole[:len(whole)-2-lost]), 0xff, markerEOI)
				h := must(imager().Probe(holed))
				for _, to := range []size{{64, 64}, {width, height}} {
					for _, format := range []pipeline.Format{pipeline.PNG, pipeline.JPEG} {
						_, err := imager().Render(t.Context(), holed, h, target(to.width, to.height, pipeline.Fill, format))
						if re, ok := pipeline.AsRowError(err); !ok || re.Class != pipeline.Corrupt {
							t.Errorf("%dx%d without its last %d bytes to a %s of %v: %v", width, height, lost, format, to, err)
						}
					}
				}
			}
		}
	}
}

func TestDamagedWebPIsCorrupt(t *testing.T) {
	imager()
	im := photo(300, 220)
	for name, whole := range map[string][]byte{
		"lossy": webpOf(im, true, vips.WebpExportParams{Quality: 80, ReductionEffort: 4}),
		"large": webpOf(photo(1600, 300), true, vips.WebpExportParams{Quality: 30, ReductionEffort: 0}),
		"alpha": webpOf(half(im), false, vips.WebpExportParams{Quality: 80, ReductionEffort: 6}),
		"flat":  webpOf(image.NewNRGBA(image.Rect(0, 0, 400, 400)), true, vips.WebpExportParams{Quality: 80}),
		"tiny":  webpOf(photo(1, 1), true, vips.WebpExportParams{Quality: 80}),
	} {
		if class := classOf(t, whole); class != "" {
			t.Errorf("%s: the whole is %s", name, class)
		}
		if len(whole) < 4000 {
			continue
		}
		for _, from := range []float64{0.2, 0.5, 0.9} {
			at := int(from * float64(len(whole)))
			zeroed := append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...)
			if class := classOf(t, zeroed); class != pipeline.Corrupt && class != pipeline.Truncated {
				t.Errorf("%s with zeros from %.0f %% on is %q", name, 100*from, class)
			}
		}
	}
}

func TestEverySizeAndQualityOfWebPIsSound(t *testing.T) {
	imager()
	for _, q := range []int{1, 40, 75, 100} {
		for _, s := range []size{{1, 1}, {15, 17}, {16, 16}, {33, 100}, {257, 129}, {640, 480}} {
			src := webpOf(photo(s.width, s.height), true, vips.WebpExportParams{Quality: q, ReductionEffort: q % 7})
			least, most, ok := vp8Left(dataOf(src))
			if !ok || least < -2 || most > 4 {
				t.Errorf("%v at %d: %d to %d bytes left, %t", s, q, least, most, ok)
			}
		}
	}
}

func dataOf(webp []byte) []byte {
	_, data := webpImage(webp)
	return data
}

func TestJunkBeforeAnImageIsPassedOver(t *testing.T) {
	imager()
	im := photo(60, 40)
	for name, src := range map[string][]byte{
		"JPEG": jpegOf(im, 90), "PNG": pngOf(im), "GIF": gifOf(im), "WebP": webpOf(im, true, vips.WebpExportParams{Quality: 90}),
	} {
		want := rendered(t, src, target(30, 20, pipeline.Fill, pipeline.PNG))
		for _, junk := range []string{"\n", "\xef\xbb\xbf", "\r\n\r\n", "PHP Notice: x in y on line 3\n", "\x00\x00\x00\x00"} {
			got := rendered(t, append([]byte(junk), src...), target(30, 20, pipeline.Fill, pipeline.PNG))
			if mean, _ := difference(t, got, want); mean > 0 {
				t.Errorf("%s behind %q differs", name, junk)
			}
		}
		if class := classOf(t, append(bytes.Repeat([]byte("junk"), 1000), src...)); class != pipeline.Unsupported {
			t.Errorf("%s behind 4,000 bytes of junk is %q", name, class)
		}
		if class := classOf(t, append([]byte("%PDF-1.4\n"), src...)); class != pipeline.Unsupported {
			t.Errorf("%s within a PDF is %q", name, class)
		}
	}
}

func TestGIFsAsTheyCome(t *testing.T) {
	imager()
	palette := color.Palette{color.NRGBA{200, 30, 30, 255}, color.NRGBA{30, 30, 200, 255}, color.Transparent}
	frame := func(r image.Rectangle, index uint8) *image.Paletted {
		p := image.NewPaletted(r, palette)
		for i := range p.Pix {
			p.Pix[i] = index
		}
		return p
	}
	encoded := func(config image.Config, frames ...*image.Paletted) []byte {
		var b bytes.Buffer
		g := &gif.GIF{Image: frames, Delay: make([]int, len(frames)), Config: config, Disposal: make([]byte, len(frames))}
		if err := gif.EncodeAll(&b, g); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	canvas := image.Config{Width: 40, Height: 30, ColorModel: palette}
	part := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	draw.Draw(part, part.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(part, image.Rect(10, 10, 30, 20), image.NewUniform(palette[0]), image.Point{}, draw.Src)
	all := image.NewNRGBA(part.Rect)
	draw.Draw(all, all.Rect, image.NewUniform(palette[0]), image.Point{}, draw.Src)
	whole := encoded(canvas, frame(part.Rect, 0), frame(part.Rect, 1))
	for _, c := range []struct {
		name string
		src  []byte
		like image.Image
	}{
		{"an animation", whole, all},
		{"a first frame that does not cover the canvas", encoded(canvas, frame(image.Rect(10, 10, 30, 20), 0), frame(part.Rect, 1)), part},
		{"nothing but transparency", encoded(canvas, frame(part.Rect, 2)), onWhite(image.NewNRGBA(part.Rect))},
		{"bytes behind the trailer", append(bytes.Clone(whole), "junk"...), all},
		{"one terminator too many", append(append(bytes.Clone(whole[:len(whole)-1]), 0), 0x3b), all},
	} {
		h, err := imager().Probe(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, err := imager().Render(t.Context(), c.src, h, target(40, 30, pipeline.Fill, pipeline.JPEG))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if mean, _ := difference(t, decode(t, out.Bytes), c.like); mean > 3 {
			t.Errorf("%s: differs by %.1f levels", c.name, mean)
		}
	}
	if class := classOf(t, whole[:len(whole)-1]); class != pipeline.Truncated {
		t.Errorf("without its trailer it is %q", class)
	}
	// Half the codes of the image, and a sound end.
	codes := bytes.IndexByte(whole, 0x2c) + 10 + 1
	short := append(bytes.Clone(whole[:codes]), 2, whole[codes+1], whole[codes+2], 0, 0x3b)
	if class := classOf(t, short); class != pipeline.Corrupt {
		t.Errorf("with half its codes it is %q", class)
	}
}

func TestEveryOrientationOfATIFFIsUprightOnce(t *testing.T) {
	imager()
	upright := photo(120, 80)
	for o := 1; o <= 8; o++ {
		stored := storedAs(upright, o)
		s := sizeOf(stored)
		src := rawTIFF(binary.LittleEndian, s.width, s.height, rgb(stored, binary.LittleEndian, false), map[uint16][]uint16{
			tiffBits: {8, 8, 8}, tiffPhotometric: {2}, tiffSamples: {3}, tiffOrientation: {uint16(o)},
		})
		got := rendered(t, src, target(60, 40, pipeline.Fill, pipeline.PNG))
		if mean, worst := difference(t, got, scaled(upright, size{60, 40})); mean > 1.5 {
			t.Errorf("%d: differs by %.2f levels on average, %.0f at worst", o, mean, worst)
		}
	}
}

func TestTIFFsThatAreNoPicturesAreUnsupported(t *testing.T) {
	pixels := make([]byte, 40*30*8)
	for name, tags := range map[string]map[uint16][]uint16{
		"32 bits":            {tiffBits: {32}, tiffPhotometric: {1}},
		"floating point":     {tiffBits: {16}, tiffPhotometric: {1}, tiffSampleFormat: {3}},
		"8 bands":            {tiffBits: {8, 8, 8, 8, 8, 8, 8, 8}, tiffPhotometric: {1}, tiffSamples: {8}},
		"CIELAB":             {tiffBits: {8, 8, 8}, tiffPhotometric: {8}, tiffSamples: {3}},
		"JPEG of old":        {tiffBits: {8, 8, 8}, tiffPhotometric: {6}, tiffSamples: {3}, tiffCompression: {6}},
		"an unknown packing": {tiffBits: {8}, tiffPhotometric: {1}, tiffCompression: {999}},
	} {
		if class := classOf(t, rawTIFF(binary.BigEndian, 40, 30, pixels, tags)); class != pipeline.Unsupported {
			t.Errorf("%s is %q", name, class)
		}
	}
	tags := map[uint16][]uint16{tiffBits: {8}, tiffPhotometric: {1}}
	if class := classOf(t, rawTIFF(binary.BigEndian, 40, 30, pixels[:1200], tags)); class != "" {
		t.Errorf("a sound one is %q", class)
	}
	whole := rawTIFF(binary.BigEndian, 40, 30, pixels[:1200], tags)
	if class := classOf(t, whole[:len(whole)-1]); class != pipeline.Truncated {
		t.Errorf("without its last byte it is %q", class)
	}
}

// If even a sound image cannot be rendered, the row is not to blame.
func TestAFaultOfOurOwnIsNotTheRows(t *testing.T) {
	imager()
	h := pipeline.Header{Format: "png", Width: 4, Height: 4}
	to := target(4, 4, pipeline.Fill, pipeline.PNG)
	if _, ok := pipeline.AsRowError(whose(vips.ErrUnsupportedImageFormat, h, to)); !ok {
		t.Error("a sound worker is accused by the image")
	}
	sound := canary
	defer func() { canary = sound }()
	canary = func() []byte { return []byte("as if libvips had no decoder") }
	if _, ok := pipeline.AsRowError(whose(vips.ErrUnsupportedImageFormat, h, to)); ok {
		t.Error("a worker that cannot decode accuses the image")
	}
}
