package imaging

import (
	"bytes"
	"image"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// classOf probes and renders src, and returns the class of its failure, "" if
// there is none. Every failure must have one.
func classOf(t testing.TB, src []byte) pipeline.Class {
	t.Helper()
	h, err := imager().Probe(src)
	if err == nil {
		_, err = imager().Render(t.Context(), src, h, target(64, 64, pipeline.Fill, pipeline.JPEG))
	}
	if err == nil {
		return ""
	}
	re, ok := pipeline.AsRowError(err)
	if !ok {
		t.Fatalf("not the row's error: %v", err)
	}
	if bytes.ContainsRune([]byte(re.Message), '\n') {
		t.Errorf("more than one line: %q", re.Message)
	}
	return re.Class
}

// wholes are encodings of im, one of each kind.
func wholes(im *image.NRGBA) map[string][]byte {
	imager()
	return map[string][]byte{
		"JPEG":             withExif(jpegOf(im, 85), 6),
		"progressive JPEG": progressiveJPEG(im, vips.VipsForeignSubsampleOn),
		"PNG":              pngOf(im),
		"interlaced PNG":   interlacedPNG(im),
		"WebP":             webpOf(im, true, vips.WebpExportParams{Quality: 80}),
		"WebP with alpha":  webpOf(half(im), false, vips.WebpExportParams{Quality: 80}),
		"lossless WebP":    webpOf(im, true, vips.WebpExportParams{Lossless: true}),
		"GIF":              gifOf(im),
		"TIFF":             tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionLzw}),
		"tiled TIFF":       tiffOf(im, vips.TiffExportParams{Compression: vips.TiffCompressionDeflate, Tile: true, TileWidth: 64, TileHeight: 64}),
		"AVIF":             avifOf(im, true, vips.AvifExportParams{Quality: 80, Bitdepth: 8, Effort: 1}),
		"HEIC":             heicOf(im),
	}
}

func TestWhatIsCutOffIsNeverOK(t *testing.T) {
	for name, whole := range wholes(photo(300, 220)) {
		t.Run(name, func(t *testing.T) {
			if class := classOf(t, whole); class != "" {
				t.Fatalf("the whole is %s", class)
			}
			// Every length near both ends, and some in between.
			var step int
			for n := 12; n < len(whole); n += step {
				step = 1
				if n > 600 && n < len(whole)-100 {
					step = 997
				}
				if class := classOf(t, whole[:n]); class != pipeline.Truncated {
					t.Errorf("%d of %d bytes are %q", n, len(whole), class)
				}
			}
		})
	}
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}

// A download into a file that was made as long as the image leaves zeros, of
// which a TIFF's directory, at its end, can look like one of an unknown kind.
func TestZerosInsteadOfDataAreNeverOK(t *testing.T) {
	for name, whole := range wholes(photo(300, 220)) {
		for n := 12; n < len(whole)-300; n += 499 { // Exif is behind a HEIC's image
			padded := append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)
			class := classOf(t, padded)
			unknown := class == pipeline.Unsupported && strings.HasSuffix(name, "TIFF")
			if class != pipeline.Truncated && class != pipeline.Corrupt && !unknown {
				t.Errorf("%s: %d of %d bytes, then zeros, are %q", name, n, len(whole), class)
			}
		}
	}
}

// A JPEG without some of its data, but with an end: a decoder makes up grey.
func TestAHoleInAJPEGIsCorrupt(t *testing.T) {
	for _, name := range []string{"JPEG", "progressive JPEG"} {
		whole := wholes(photo(300, 220))[name]
		for _, from := range []float64{0.3, 0.5, 0.8} {
			at := int(from * float64(len(whole)))
			holed := append(bytes.Clone(whole[:at]), 0xff, markerEOI)
			if class := classOf(t, holed); class != pipeline.Corrupt {
				t.Errorf("%s cut at %.0f %% and ended is %q", name, 100*from, class)
			}
		}
	}
}

// noticed is how much of what is scrambled is found at least. PNG has checksums,
// GIF, TIFF's packings and VP8 lose their way; JPEG finds it again after a few
// blocks, and AV1 and HEVC make some image of any bits.
var noticed = map[string]int{
	"PNG": 60, "interlaced PNG": 60, "WebP": 50, "WebP with alpha": 50, "GIF": 45, "TIFF": 45, "tiled TIFF": 30,
	"progressive JPEG": 20, "JPEG": 5, "lossless WebP": 5,
}

func TestGarbageBehindASoundHeaderHasAClass(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, whole := range wholes(photo(300, 220)) {
		damaged := 0
		for range 60 {
			src := bytes.Clone(whole)
			at := 40 + r.IntN(len(src)-50)
			for i := range src[at : at+min(40, len(src)-at-4)] {
				src[at+i] = byte(r.Uint32())
			}
			if classOf(t, src) != "" {
				damaged++
			}
		}
		t.Logf("%s: %d of 60 noticed", name, damaged)
		if damaged < noticed[name] {
			t.Errorf("%s: %d of 60 damages were noticed, and should be %d at least", name, damaged, noticed[name])
		}
	}
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}

func TestOdditiesThatEveryViewerPassesOverAreOK(t *testing.T) {
	whole := jpegOf(photo(300, 220), 85)
	insert := func(at int, junk ...byte) []byte {
		return append(append(bytes.Clone(whole[:at]), junk...), whole[at:]...)
	}
	table := bytes.Index(whole, []byte{0xff, 0xc0}) // of the frame
	scan := bytes.Index(whole, []byte{0xff, markerSOS})
	baseline := bytes.Clone(whole)
	baseline[scan+2+2+1+6+1] = 0 // the scan's last coefficient, 63
	jfif2 := withSegment(whole, markerAPP0, []byte("JFIF\x00\x02\x01\x00\x00\x01\x00\x01\x00\x00"))
	for name, src := range map[string][]byte{
		"junk between segments":         insert(table, 1, 2, 3),
		"fill bytes before a marker":    insert(table, 0xff, 0xff),
		"an unknown segment":            withSegment(whole, 0xED, []byte("whatever")),
		"an unknown version of JFIF":    jfif2,
		"Exif that makes no sense":      withSegment(whole, markerAPP1, []byte("Exif\x00\x00II*\x00\xff\xff\xff\x7f")),
		"an empty Exif":                 withSegment(whole, markerAPP1, []byte("Exif\x00")),
		"an unknown Adobe transform":    withSegment(whole, markerAPPE, []byte("Adobe\x00\x64\x00\x00\x00\x00\x07")),
		"a scan that is not sequential": baseline,
		"zeros after the end":           append(bytes.Clone(whole), make([]byte, 5000)...),
		"an image after the end":        append(bytes.Clone(whole), whole...),
		"text after the end":            append(bytes.Clone(whole), "<!-- served by -->"...),
		"a PNG with junk after its end": append(pngOf(photo(30, 30)), "junk"...),
	} {
		if class := classOf(t, src); class != "" {
			t.Errorf("%s: %s", name, class)
		}
	}
}

func TestAHeaderThatLiesIsCorrupt(t *testing.T) {
	// The canvas of an extended WebP comes before the image's own size.
	webp := webpOf(photo(100, 80), true, vips.WebpExportParams{Quality: 80})
	if class := classOf(t, extendedWebP(webp, 20, 20, nil)); class != pipeline.Corrupt {
		t.Errorf("is %q", class)
	}
}

func TestAPanicIsTheRowsOwn(t *testing.T) {
	src := jpegOf(photo(30, 20), 85)
	h := must(imager().Probe(src))
	h.Orientation = 99 // no Probe says so
	_, err := imager().Render(t.Context(), src, h, target(8, 8, pipeline.Fill, pipeline.JPEG))
	if re, ok := pipeline.AsRowError(err); !ok || re.Class != pipeline.Corrupt {
		t.Errorf("err is %v", err)
	}
	if leak := leaked(); leak != "" {
		t.Error(leak)
	}
}
