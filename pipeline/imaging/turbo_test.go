package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"
	"golang.org/x/sync/errgroup"

	"sluice/pipeline"
)

// The short way of a JPEG must end where the general way ends.
func TestTheShortWayGivesTheSamePicture(t *testing.T) {
	imager()
	// Made by ImageMagick: convert IN -sampling-factor 4:2:2 -quality 85 OUT; the
	// doubled one with 2x2,1x2,1x2, of sampling-422.jpg.
	file := func(name string) []byte {
		return must(os.ReadFile(filepath.Join("testdata", name)))
	}
	odd := photo(333, 251)
	grey := image.NewGray(odd.Rect)
	draw.Draw(grey, grey.Rect, odd, image.Point{}, draw.Src)
	fill := func(w, h int) pipeline.Target { return target(w, h, pipeline.Fill, pipeline.JPEG) }
	low := fill(64, 64)
	low.Quality = 80
	for _, c := range []struct {
		name string
		src  []byte
		to   pipeline.Target
	}{
		{"4:2:0", jpegOf(photo(640, 480), 90), fill(128, 128)},
		{"4:2:0 of odd sides", jpegOf(odd, 90), fill(100, 120)},
		{"4:2:0 of odd sides, shrunk by the decoder", jpegOf(photo(1003, 751), 90), fill(96, 96)},
		{"one column less than the decoder's scale", jpegOf(photo(513, 1025), 90), fill(64, 64)},
		{"4:4:4", exported(odd, true, func(im *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return im.ExportJpeg(&vips.JpegExportParams{Quality: 90, SubsampleMode: vips.VipsForeignSubsampleOff})
		}), fill(100, 120)},
		{"4:2:2", file("sampling-422.jpg"), fill(100, 80)},
		{"4:2:2, its factors doubled", file("sampling-422-doubled.jpg"), fill(100, 80)},
		{"4:4:0", file("sampling-440.jpg"), fill(100, 80)},
		{"4:1:1", file("sampling-411.jpg"), fill(100, 80)},
		{"grey", jpegOf(grey, 90), fill(100, 80)},
		{"progressive", progressiveJPEG(odd, vips.VipsForeignSubsampleOn), fill(100, 120)},
		{"quality 80, where chroma is subsampled", jpegOf(odd, 90), low},
		{"the size that it has", jpegOf(photo(320, 240), 90), fill(320, 240)},
		{"a strip", jpegOf(photo(1600, 20), 90), fill(200, 4)},
		{"cover", jpegOf(photo(640, 301), 90), target(100, 100, pipeline.Cover, pipeline.JPEG)},
		{"cover, upright", jpegOf(photo(301, 640), 90), target(100, 100, pipeline.Cover, pipeline.JPEG)},
		{"cover, the top left of it, turned", withExif(jpegOf(photo(301, 640), 90), 8), positioned(pipeline.TopLeft)},
		{"cover, the right of it", jpegOf(photo(640, 301), 90), positioned(pipeline.Right)},
		{"inside", jpegOf(photo(640, 320), 90), target(100, 100, pipeline.Inside, pipeline.JPEG)},
		{"padded", jpegOf(photo(640, 320), 90), target(101, 103, pipeline.Contain, pipeline.JPEG)},
		{"to odd sides", jpegOf(odd, 90), fill(101, 63)},
		{"arithmetic", file("arithmetic.jpg"), target(24, 24, pipeline.Inside, pipeline.JPEG)},
		{"cover, turned", withExif(jpegOf(photo(640, 301), 90), 6), target(100, 90, pipeline.Cover, pipeline.JPEG)},
		{"turned 2", withExif(jpegOf(odd, 90), 2), fill(120, 100)},
		{"turned 3", withExif(jpegOf(odd, 90), 3), fill(120, 100)},
		{"turned 4", withExif(jpegOf(odd, 90), 4), fill(120, 100)},
		{"turned 5", withExif(jpegOf(odd, 90), 5), fill(120, 100)},
		{"turned 6", withExif(jpegOf(odd, 90), 6), fill(120, 100)},
		{"turned 7", withExif(jpegOf(odd, 90), 7), fill(120, 100)},
		{"turned 8", withExif(jpegOf(odd, 90), 8), fill(120, 100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := must(imager().Probe(c.src))
			short, ok := imager().turbo(c.src, h, c.to)
			if !ok {
				t.Fatal("it is declined")
			}
			general, err := general(c.src, h, c.to)
			if err != nil {
				t.Fatal(err)
			}
			if short.Width != general.Width || short.Height != general.Height {
				t.Fatalf("%d x %d, want %d x %d", short.Width, short.Height, general.Width, general.Height)
			}
			got, want := decode(t, short.Bytes), decode(t, general.Bytes)
			if _, colour := got.(*image.YCbCr); !colour {
				t.Errorf("it is a %T", got)
			}
			// The general way takes what the decoder rounded up for whole, and is
			// off by up to half a pixel of it at the far sides; this one is not.
			mean, _ := difference(t, got, want)
			if mean > 4.5 {
				t.Errorf("the mean difference is %.2f levels", mean)
			}
			if h.Orientation > 1 || c.to.Fit != pipeline.Fill || c.to.Height < 8 {
				return
			}
			full := scaled(decode(t, c.src), size{c.to.Width, c.to.Height})
			byShort, byGeneral := similarity(t, got, full), similarity(t, want, full)
			t.Logf("SSIM with a full decode %.4f, of the general way %.4f", byShort, byGeneral)
			if byShort < byGeneral-0.001 {
				t.Errorf("SSIM with a full decode is %.4f, and of the general way %.4f", byShort, byGeneral)
			}
		})
	}
}

func TestTheShortWayDeclinesWhatItWouldDoOtherwise(t *testing.T) {
	imager()
	plain := jpegOf(photo(320, 240), 90)
	to := target(64, 64, pipeline.Fill, pipeline.JPEG)
	keeping := to
	keeping.KeepMetadata = true
	cut := append(append([]byte{}, plain[:len(plain)*2/3]...), 0xff, markerEOI)
	for _, c := range []struct {
		name string
		src  []byte
		to   pipeline.Target
	}{
		{"another format", pngOf(photo(32, 32)), to},
		{"CMYK", cmykJPEG(photo(320, 240)), to},
		{"RGB, by an Adobe segment", withSegment(plain, markerAPPE, []byte("Adobe\x00d\x00\x00\x00\x00\x00")), to},
		{"a profile that is none of sRGB", withSegment(plain, markerAPP2, []byte("ICC_PROFILE\x00\x01\x01something else")), to},
		{"lost data", cut, to},
		{"a PNG", plain, target(64, 64, pipeline.Fill, pipeline.PNG)},
		{"enlarging", plain, target(640, 240, pipeline.Fill, pipeline.JPEG)},
		{"enlarging by a pixel", plain, target(64, 241, pipeline.Fill, pipeline.JPEG)},
		{"a sampling that TurboJPEG has no name for", withFactors(plain, 0x31), to},
		{"junk between segments", slices.Insert(bytes.Clone(plain), 2, 1, 2, 3), to},
		// The general way holds a window of its rows.
		{"more memory than was admitted", jpegOf(photo(100, 16000), 85), target(99, 99, pipeline.Fill, pipeline.JPEG)},
		{"metadata that are to be kept", plain, keeping},
		{"a crop by what the picture shows", plain, positioned(pipeline.Attention)},
		{"a crop by how much it shows", plain, positioned(pipeline.Entropy)},
	} {
		h, _ := imager().Probe(c.src)
		if _, ok := imager().turbo(c.src, h, c.to); ok {
			t.Errorf("%s is not declined", c.name)
		}
	}
	h := must(imager().Probe(plain))
	for name, wrong := range map[string]func(*pipeline.Header){
		"width":  func(h *pipeline.Header) { h.Width *= 2 },
		"height": func(h *pipeline.Header) { h.Height-- },
		"end":    func(h *pipeline.Header) { h.Truncated = "its end" },
	} {
		lie := h
		wrong(&lie)
		if _, ok := imager().turbo(plain, lie, to); ok {
			t.Errorf("a header that lies about the %s is not declined", name)
		}
	}
}

// withFactors is a JPEG whose frame header claims other factors of its first
// component.
func withFactors(jpeg []byte, factors byte) []byte {
	jpeg = bytes.Clone(jpeg)
	jpeg[bytes.Index(jpeg, []byte{0xff, markerSOF0})+4+7] = factors
	return jpeg
}

// Of one component the factors mean nothing.
func TestTheShortWayTakesGreyOfAnyFactors(t *testing.T) {
	imager()
	grey := sampledJPEG(t, photo(333, 251), chroma{})
	to := target(100, 75, pipeline.Cover, pipeline.JPEG)
	var want []byte
	for _, factors := range []byte{0x11, 0x22, 0x21} {
		src := withFactors(grey, factors)
		out, ok := imager().turbo(src, must(imager().Probe(src)), to)
		if want == nil {
			want = out.Bytes
		}
		if !ok || !bytes.Equal(out.Bytes, want) {
			t.Errorf("%#x: taken %t, or otherwise than plain", factors, ok)
		}
	}
}

// chromas are how chroma can be stored, by the names that everyone uses.
var chromas = map[string]chroma{
	"4:4:4": {1, 1}, "4:2:2": {2, 1}, "4:4:0": {1, 2}, "4:2:0": {2, 2}, "4:1:1": {4, 1}, "grey": {},
}

// sampledJPEG stores im with its chroma as told, which neither Go nor libvips
// can in all ways.
func sampledJPEG(t testing.TB, im image.Image, c chroma) []byte {
	t.Helper()
	if c == (chroma{}) {
		grey := image.NewGray(im.Bounds())
		draw.Draw(grey, grey.Rect, im, im.Bounds().Min, draw.Src)
		return jpegOf(grey, 95)
	}
	full := exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		return v.ExportJpeg(&vips.JpegExportParams{Quality: 95, SubsampleMode: vips.VipsForeignSubsampleOff, StripMetadata: true})
	})
	h := must(imager().Probe(full))
	out, ok := imager().planes(full, h, target(h.Width, h.Height, pipeline.Fill, pipeline.JPEG), c)
	if !ok {
		t.Fatalf("cannot store %v", c)
	}
	return out.Bytes
}

// shown is what a viewer would see of im in a target, at best.
func shown(im image.Image, to pipeline.Target) image.Image {
	s := fit(sizeOf(im), to)
	im = scaled(im, s)
	out := image.NewRGBA64(image.Rect(0, 0, s.width, s.height))
	at := image.Point{}
	switch to.Fit {
	case pipeline.Contain:
		out = image.NewRGBA64(image.Rect(0, 0, to.Width, to.Height))
		at = image.Pt((to.Width-s.width)/2, (to.Height-s.height)/2)
	case pipeline.Cover:
		out = image.NewRGBA64(image.Rect(0, 0, min(to.Width, s.width), min(to.Height, s.height)))
		right, down := to.Position.Anchors()
		at = image.Pt(-int(float64(s.width-out.Rect.Dx())*right), -int(float64(s.height-out.Rect.Dy())*down))
	}
	r, g, b := to.Background.RGB()
	draw.Draw(out, out.Rect, image.NewUniform(color.NRGBA{r, g, b, 255}), image.Point{}, draw.Src)
	draw.Draw(out, im.Bounds().Add(at), im, image.Point{}, draw.Src)
	return out
}

// psnr is the peak signal to noise ratio of all bands, dB.
func psnr(t testing.TB, a, b image.Image) float64 {
	t.Helper()
	s := sizeOf(a)
	if s != sizeOf(b) {
		t.Fatalf("sizes are %v and %v", s, sizeOf(b))
	}
	sum := 0.0
	for y := range s.height {
		for x := range s.width {
			p, q := bands(a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y)), bands(b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y))
			for i := range 3 {
				sum += (p[i] - q[i]) * (p[i] - q[i])
			}
		}
	}
	return 10 * math.Log10(255*255*float64(3*s.width*s.height)/math.Max(sum, 1e-9))
}

// The short way must come as near to the truth as the general one, and to that:
// 40 dB are a difference of 2 levels. libvips rounds sizes down when it shrinks,
// and stretches what is left, so the latter holds where nothing is rounded.
func TestTheShortWayIsRightForEverySizeAndSampling(t *testing.T) {
	imager()
	type kind struct {
		size     size // as it is stored
		sampling string
		turned   int
	}
	var kinds []kind
	for _, s := range []size{{512, 384}, {511, 383}, {1025, 769}, {300, 700}, {64, 51}, {9, 9}, {65, 53}, {7, 400}, {400, 1}, {2000, 56}} {
		for name := range chromas {
			if s.width < 520 || name == "4:2:0" {
				kinds = append(kinds, kind{s, name, 1})
			}
		}
	}
	for turned := 2; turned <= 8; turned++ {
		kinds = append(kinds, kind{size{257, 300}, "4:2:0", turned}, kind{size{300, 257}, "4:2:2", turned}, kind{size{96, 40}, "grey", turned})
	}
	for i, k := range kinds {
		t.Run(fmt.Sprintf("%dx%d %s turned %d", k.size.width, k.size.height, k.sampling, k.turned), func(t *testing.T) {
			stored := sampledJPEG(t, photo(k.size.width, k.size.height), chromas[k.sampling])
			src := withExif(stored, k.turned)
			h := must(imager().Probe(src))
			// Turned back as often as it was turned.
			back := [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[k.turned]
			flat := image.NewNRGBA(image.Rect(0, 0, k.size.width, k.size.height))
			draw.Draw(flat, flat.Rect, decode(t, stored), image.Point{}, draw.Src)
			up := storedAs(flat, back)
			for j, f := range []pipeline.Fit{pipeline.Fill, pipeline.Cover, pipeline.Contain, pipeline.Inside} {
				to := target(min(64, k.size.width), min(51, k.size.height), f, pipeline.JPEG)
				to.Position = []pipeline.Position{pipeline.Centre, pipeline.TopLeft, pipeline.BottomRight}[(i+j)%3]
				to.Background = []pipeline.Colour{"", "#c81e1e"}[i%2]
				to.NoEnlarge = true
				truth := shown(up, to)
				for _, quality := range []int{80, 100} {
					to.Quality = quality
					short, ok := imager().turbo(src, h, to)
					if !ok {
						t.Fatalf("%s: it is declined", f)
					}
					a, b := decode(t, short.Bytes), decode(t, must(general(src, h, to)).Bytes)
					if s := sizeOf(a); s != (size{short.Width, short.Height}) {
						t.Errorf("%s: says %dx%d, is %v", f, short.Width, short.Height, s)
					}
					byShort, byGeneral := psnr(t, a, truth), psnr(t, b, truth)
					if byShort < min(40, byGeneral-0.5) {
						t.Errorf("%s at %d: %.1f dB from the truth, the general way %.1f", f, quality, byShort, byGeneral)
					}
					n := decoderShrink(h, to)
					if near := psnr(t, a, b); h.Width%n == 0 && h.Height%n == 0 && near < 36 {
						t.Errorf("%s at %d: %.1f dB from the general way", f, quality, near)
					}
				}
			}
		})
	}
}

// Data that are missing are noticed wherever the general way notices. Of data
// that are wrong, some decode without a warning: the short way may take no more
// of them than the general one does, but for a few.
func TestTheShortWayTakesNothingThatIsDamaged(t *testing.T) {
	imager()
	im := photo(300, 220)
	to := target(64, 64, pipeline.Fill, pipeline.JPEG)
	for name, whole := range map[string][]byte{
		"baseline":    jpegOf(im, 85),
		"progressive": progressiveJPEG(im, vips.VipsForeignSubsampleOn),
		"4:2:2":       sampledJPEG(t, im, chroma{2, 1}),
		"grey":        sampledJPEG(t, im, chroma{}),
	} {
		t.Run(name, func(t *testing.T) {
			// taken is by the short way, sound by the general one too.
			taken := func(src []byte) (taken, sound bool) {
				h, err := imager().Probe(src)
				if err != nil {
					return false, false
				}
				if _, taken = imager().turbo(src, h, to); taken {
					_, err = general(src, h, to)
				}
				return taken, err == nil
			}
			for n := 100; n < len(whole)-2; n += 397 {
				for _, end := range [][]byte{{}, make([]byte, 300)} {
					src := slices.Concat(whole[:n], end, []byte{0xff, markerEOI})
					if ok, _ := taken(src); ok {
						t.Errorf("%d of %d bytes, %d zeros and an end are taken", n, len(whole), len(end))
					}
				}
			}
			const trials = 200
			r := rand.New(rand.NewPCG(3, 4))
			var declined, alone int
			for range trials {
				src := bytes.Clone(whole)
				at := 2 + r.IntN(len(src)-50)
				for i := range 1 + r.IntN(20) {
					src[at+i] = byte(r.Uint32())
				}
				switch ok, sound := taken(src); {
				case !ok:
					declined++
				case !sound:
					alone++
				}
			}
			t.Logf("of %d damaged, %d are declined, and %d are taken that the general way fails", trials, declined, alone)
			if declined == 0 || alone > 0 {
				t.Errorf("of %d damaged, %d are declined, and %d are taken that the general way fails", trials, declined, alone)
			}
		})
	}
}

func TestTheShortWayIsTheSameOnManyThreads(t *testing.T) {
	imager()
	im := photo(500, 333)
	var sources, want [][]byte
	to := target(100, 75, pipeline.Cover, pipeline.JPEG)
	for name, c := range chromas {
		src := withExif(sampledJPEG(t, im, c), 1+len(name)%8)
		out, ok := imager().turbo(src, must(imager().Probe(src)), to)
		if !ok {
			t.Fatalf("%s is declined", name)
		}
		sources, want = append(sources, src), append(want, out.Bytes)
	}
	var g errgroup.Group
	for k := range 4 {
		g.Go(func() error {
			for i := range 50 {
				at := (i + k) % len(sources)
				out, err := imager().Render(t.Context(), sources[at], must(imager().Probe(sources[at])), to)
				if err != nil {
					return err
				}
				if !bytes.Equal(out.Bytes, want[at]) {
					return fmt.Errorf("image %d differs from what one thread makes", at)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func positioned(p pipeline.Position) pipeline.Target {
	to := target(100, 100, pipeline.Cover, pipeline.JPEG)
	to.Position = p
	return to
}
