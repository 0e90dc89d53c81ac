package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// fixture is one of testdata's images.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// slope is what they show.
func slope() *image.NRGBA {
	im := image.NewNRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			im.SetNRGBA(x, y, color.NRGBA{uint8(5 * x), uint8(7 * y), uint8(3 * (x + y)), 255})
		}
	}
	return im
}

func TestWhatOtherProgramsWrite(t *testing.T) {
	imager()
	grey := image.NewGray(slope().Rect)
	clear := image.NewNRGBA(grey.Rect)
	for y := range 32 {
		for x := range 48 {
			grey.SetGray(x, y, color.Gray{uint8(5 * x)})
			clear.SetNRGBA(x, y, color.NRGBA{uint8(5 * x), uint8(7 * y), uint8(3 * (x + y)), uint8(5 * x)})
		}
	}
	for _, c := range []struct {
		name string
		like image.Image
		want pipeline.Header
		mean float64 // levels
	}{
		{"444.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8}, 2},
		{"10bit.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 10}, 2},
		{"12bit-422.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 12}, 2.5},
		{"grey.avif", grey, pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2},
		{"alpha.avif", clear, pipeline.Header{Format: "avif", Bands: 4, Depth: 8, Alpha: true}, 2},
		{"animated.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"plain.heic", slope(), pipeline.Header{Format: "heic", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"10bit.heic", slope(), pipeline.Header{Format: "heic", Bands: 3, Depth: 10, Subsampled: true}, 2.5},
		{"turned-2.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-3.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-4.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-5.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-6.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-7.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-8.avif", slope(), pipeline.Header{Format: "avif", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"turned-6.heic", slope(), pipeline.Header{Format: "heic", Width: 32, Height: 48, Bands: 3, Depth: 8, Subsampled: true, Orientation: 6}, 2.5},
		{"arithmetic.jpg", slope(), pipeline.Header{Format: "jpeg", Bands: 3, Depth: 8, Subsampled: true}, 2.5},
		{"arithmetic-progressive.jpg", slope(), pipeline.Header{Format: "jpeg", Bands: 3, Depth: 8, Subsampled: true, Progressive: true}, 2.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := fixture(t, c.name)
			if c.want.Width == 0 {
				c.want.Width, c.want.Height = 48, 32
			}
			if h, err := imager().Probe(src); h != c.want || err != nil {
				t.Errorf("%+v, %v; want %+v", h, err, c.want)
			}
			for _, s := range []size{{48, 32}, {12, 8}} {
				to := target(s.width, s.height, pipeline.Fill, pipeline.PNG)
				to.Background = pipeline.Transparent
				got := rendered(t, src, to)
				if mean, worst := difference(t, got, scaled(c.like, s)); mean > c.mean {
					t.Errorf("to %v: differs by %.2f levels on average, %.0f at worst; %.1f is allowed", s, mean, worst, c.mean)
				}
			}
			// Cut off in its data.
			if class := classOf(t, src[:len(src)-20]); class != pipeline.Truncated {
				t.Errorf("without its last bytes it is %q", class)
			}
		})
	}
}

// Go decodes the inks, and libvips, by LittleCMS, makes colours of them from a TIFF
// that has them as they are: what is held against it is how a JPEG's inks are read
// and inverted.
func TestInksAreTheRightWayRound(t *testing.T) {
	imager()
	for _, name := range []string{"cmyk.jpg", "ycck.jpg"} {
		t.Run(name, func(t *testing.T) {
			src := fixture(t, name)
			inks, ok := must(jpeg.Decode(bytes.NewReader(src))).(*image.CMYK)
			if !ok {
				t.Fatal("not of inks")
			}
			to := target(48, 32, pipeline.Fill, pipeline.PNG)
			got := rendered(t, src, to)
			plain := rawTIFF(binary.LittleEndian, 48, 32, inks.Pix, map[uint16][]uint16{tiffBits: {8, 8, 8, 8}, tiffPhotometric: {5}, tiffSamples: {4}})
			if mean, worst := difference(t, got, rendered(t, plain, to)); mean > 1 || worst > 12 {
				t.Errorf("differs by %.2f levels from its inks, %.0f at worst", mean, worst)
			}
			// As of a printer that is perfect; a real one's are duller. The TIFF could
			// be the wrong way round, too.
			perfect := image.NewNRGBA(inks.Rect)
			draw.Draw(perfect, perfect.Rect, inks, image.Point{}, draw.Src)
			if mean, _ := difference(t, got, perfect); mean > 30 {
				t.Errorf("differs by %.1f levels from perfect inks", mean)
			}
		})
	}
}

func TestWhatViewersDoNotShowIsUnsupported(t *testing.T) {
	if class := classOf(t, fixture(t, "12bit.jpg")); class != pipeline.Unsupported {
		t.Errorf("a JPEG of 12 bits is %q", class)
	}
	for _, name := range []string{"small.jp2"} {
		if class := classOf(t, fixture(t, name)); class != pipeline.Unsupported {
			t.Errorf("%s is %q", name, class)
		}
	}
}

func TestAnOperatorCanAllowJPEG2000(t *testing.T) {
	m := must(New(&Options{Allow: []string{"jp2"}}))
	for _, name := range []string{"small.jp2"} {
		src := fixture(t, name)
		h, err := m.Probe(src)
		if want := (pipeline.Header{Format: "jp2", Width: 48, Height: 32, Bands: 3, Depth: 8}); h != want || err != nil {
			t.Errorf("%s: %+v, %v", name, h, err)
			continue
		}
		out, err := m.Render(t.Context(), src, h, target(48, 32, pipeline.Fill, pipeline.PNG))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if mean, _ := difference(t, decode(t, out.Bytes), slope()); mean > 1.5 {
			t.Errorf("%s: differs by %.2f levels", name, mean)
		}
	}
	// libvips 8.14.1 crashes on more columns than it can count.
	killer := fixture(t, "small.jp2")
	for _, change := range [][2]string{
		{"\x00\x00\x00\x30\x00\x00\x00\x20", "\x7f\xff\xff\xff\x00\x00\x00\x02"},
		{"ihdr\x00\x00\x00\x20\x00\x00\x00\x30", "ihdr\x00\x00\x00\x02\x7f\xff\xff\xff"},
	} {
		killer = bytes.ReplaceAll(killer, []byte(change[0]), []byte(change[1]))
	}
	_, err := must(New(&Options{MaxPixels: 1 << 40, Allow: []string{"jp2"}})).Probe(killer)
	if re, _ := pipeline.AsRowError(err); re == nil || re.Class != pipeline.Corrupt {
		t.Errorf("%v", err)
	}
	if _, err := New(&Options{Allow: []string{"svg"}}); err == nil {
		t.Error("SVG can be allowed")
	}
}

// Exif is looked at where the file itself does not say which way is up.
func TestExifOfAVIF(t *testing.T) {
	imager()
	for _, o := range []int{3, 6} {
		stored := storedAs(photo(60, 40), o)
		src := exported(stored, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			if err := v.SetOrientation(o); err != nil {
				return nil, nil, err
			}
			return v.ExportAvif(&vips.AvifExportParams{Quality: 85, Bitdepth: 8, Effort: 1})
		})
		h, err := imager().Probe(src)
		if err != nil || h.Orientation != o {
			t.Errorf("%d: %+v, %v", o, h, err)
		}
		got := rendered(t, src, target(60, 40, pipeline.Fill, pipeline.PNG))
		if mean, worst := difference(t, got, photo(60, 40)); mean > 5 {
			t.Errorf("%d: differs by %.2f levels on average, %.0f at worst", o, mean, worst)
		}
	}
}
