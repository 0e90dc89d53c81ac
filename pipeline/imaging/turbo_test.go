package imaging

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/draw"

	"sluice/pipeline"
)

// The short way of a JPEG must end where the general way ends.
func TestTheShortWayGivesTheSamePicture(t *testing.T) {
	imager()
	// Made by ImageMagick: convert IN -sampling-factor 4:2:2 -quality 85 OUT.
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
		{"padding", plain, target(64, 64, pipeline.Contain, pipeline.JPEG)},
		{"enlarging", plain, target(640, 240, pipeline.Fill, pipeline.JPEG)},
		{"metadata that are to be kept", plain, keeping},
		{"a crop by what the picture shows", plain, positioned(pipeline.Attention)},
		{"an odd side", plain, target(63, 64, pipeline.Fill, pipeline.JPEG)},
	} {
		h, _ := imager().Probe(c.src)
		if _, ok := imager().turbo(c.src, h, c.to); ok {
			t.Errorf("%s is not declined", c.name)
		}
	}
}

func positioned(p pipeline.Position) pipeline.Target {
	to := target(100, 100, pipeline.Cover, pipeline.JPEG)
	to.Position = p
	return to
}
