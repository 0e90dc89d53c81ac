package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// primaries are XYZ of red, green and blue, adapted to D50.
type primaries [3][3]float64

var (
	srgbPrimaries = primaries{{0.4360, 0.2225, 0.0139}, {0.3851, 0.7169, 0.0971}, {0.1431, 0.0606, 0.7141}}
	p3Primaries   = primaries{{0.5151, 0.2412, -0.0011}, {0.2920, 0.6922, 0.0419}, {0.1571, 0.0666, 0.7841}}
)

// profile is an ICC profile of a display, by primaries and one curve.
func profile(p primaries, curve []byte) []byte {
	s15 := func(b []byte, v float64) []byte {
		return binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(v*65536))))
	}
	xyz := func(v [3]float64) []byte {
		b := []byte("XYZ \x00\x00\x00\x00")
		for _, x := range v {
			b = s15(b, x)
		}
		return b
	}
	tags := []struct {
		name string
		data []byte
	}{
		{"rXYZ", xyz(p[0])},
		{"gXYZ", xyz(p[1])},
		{"bXYZ", xyz(p[2])},
		{"wtpt", xyz([3]float64{0.9642, 1, 0.8249})},
		{"rTRC", curve},
		{"gTRC", curve},
		{"bTRC", curve},
	}
	header := make([]byte, 128)
	copy(header[8:], "\x04\x00\x00\x00mntrRGB XYZ ")
	copy(header[36:], "acsp")
	white := xyz([3]float64{0.9642, 1, 0.8249})
	copy(header[68:], white[8:])
	table := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))
	var data []byte
	for _, tag := range tags {
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
		table = append(table, tag.name...)
		table = binary.BigEndian.AppendUint32(table, uint32(128+4+12*len(tags)+len(data)))
		table = binary.BigEndian.AppendUint32(table, uint32(len(tag.data)))
		data = append(data, tag.data...)
	}
	out := append(append(header, table...), data...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}

// parametric is the curve of sRGB as a function.
func parametric() []byte {
	b := []byte("para\x00\x00\x00\x00\x00\x03\x00\x00")
	for _, v := range []float64{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045} {
		b = binary.BigEndian.AppendUint32(b, uint32(math.Round(v*65536)))
	}
	return b
}

// sampled is a curve as a table of n entries.
func sampled(n int, light func(code float64) float64) []byte {
	b := binary.BigEndian.AppendUint32([]byte("curv\x00\x00\x00\x00"), uint32(n))
	for i := range n {
		b = binary.BigEndian.AppendUint16(b, uint16(math.Round(65535*light(float64(i)/float64(n-1)))))
	}
	return b
}

func srgbLight(code float64) float64 {
	if code <= 0.04045 {
		return code / 12.92
	}
	return math.Pow((code+0.055)/1.055, 2.4)
}

func withProfile(jpeg, profile []byte) []byte {
	return withSegment(jpeg, 0xE2, append([]byte("ICC_PROFILE\x00\x01\x01"), profile...))
}

func TestSRGBIsRecognisedByWhatItDescribes(t *testing.T) {
	gamma := func(code float64) float64 { return math.Pow(code, 1.8) }
	for _, c := range []struct {
		name    string
		profile []byte
		want    bool
	}{
		{"a function", profile(srgbPrimaries, parametric()), true},
		{"a table of 1,024", profile(srgbPrimaries, sampled(1024, srgbLight)), true},
		{"a table of 42", profile(srgbPrimaries, sampled(42, srgbLight)), true},
		{"Display P3", profile(p3Primaries, parametric()), false},
		{"a gamma of 1.8", profile(srgbPrimaries, sampled(256, gamma)), false},
		{"a gamma as one number", profile(srgbPrimaries, []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33")), false},
		{"nothing", nil, false},
		{"the first half", profile(srgbPrimaries, parametric())[:180], false},
		{"a table that is not there", profile(srgbPrimaries, []byte("curv\x00\x00\x00\x00\xff\xff\xff\xff")), false},
	} {
		if got := isSRGB(c.profile); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestProfilesAreConvertedToSRGB(t *testing.T) {
	flat := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(flat, flat.Rect, image.NewUniform(color.NRGBA{200, 100, 60, 255}), image.Point{}, draw.Src)
	src := jpegOf(flat, 100)
	// Worked out by hand: light by the curve, XYZ by P3's primaries, back by
	// sRGB's, and code by the curve.
	p3 := color.NRGBA{215, 93, 47, 255}
	imager() // starts libvips
	with := func(export func(*vips.ImageRef) ([]byte, *vips.ImageMetadata, error)) []byte {
		t.Helper()
		v := must(vips.NewImageFromBuffer(withProfile(src, profile(p3Primaries, parametric()))))
		defer v.Close()
		out, _, err := export(v)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out, []byte("mntrRGB XYZ ")) && !bytes.HasPrefix(out, []byte("\x89PNG")) {
			t.Fatal("it has no profile: the test has lost its point")
		}
		return out
	}
	for _, c := range []struct {
		name string
		src  []byte
		want color.NRGBA
	}{
		{"none", src, color.NRGBA{200, 100, 60, 255}},
		{"sRGB", withProfile(src, profile(srgbPrimaries, parametric())), color.NRGBA{200, 100, 60, 255}},
		{"Display P3", withProfile(src, profile(p3Primaries, parametric())), p3},
		{"one that makes no sense", withProfile(src, bytes.Repeat([]byte("nonsense"), 40)), color.NRGBA{200, 100, 60, 255}},
		{"Display P3 in a TIFF", with(func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) { return v.ExportTiff(nil) }), p3},
		{"Display P3 in a PNG", with(func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return v.ExportPng(&vips.PngExportParams{})
		}), p3},
		{"Display P3 in an AVIF", with(func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return v.ExportAvif(&vips.AvifExportParams{Lossless: true, Bitdepth: 8, Effort: 1})
		}), p3},
		{"Display P3 in a HEIC", with(func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return v.ExportHeif(&vips.HeifExportParams{Quality: 100, Bitdepth: 8, Effort: 1})
		}), p3},
	} {
		got := rendered(t, c.src, target(16, 16, pipeline.Fill, pipeline.PNG))
		want := image.NewNRGBA(got.Bounds())
		draw.Draw(want, want.Rect, image.NewUniform(c.want), image.Point{}, draw.Src)
		if _, worst := difference(t, got, want); worst > 3 {
			t.Errorf("%s: %v, want %v", c.name, got.At(8, 8), c.want)
		}
	}
}

// convert is what a colour in a profile's space is in sRGB: light by the curve,
// XYZ by its primaries, back by sRGB's, and code by its curve.
func convert(c color.NRGBA, p primaries, light func(float64) float64) color.NRGBA {
	var xyz [3]float64
	for band, code := range []uint8{c.R, c.G, c.B} {
		for i := range xyz {
			xyz[i] += light(float64(code)/255) * p[band][i]
		}
	}
	// Cramer's rule on sRGB's primaries, as columns.
	det := func(a, b, c [3]float64) float64 {
		return a[0]*(b[1]*c[2]-b[2]*c[1]) - b[0]*(a[1]*c[2]-a[2]*c[1]) + c[0]*(a[1]*b[2]-a[2]*b[1])
	}
	s := srgbPrimaries
	all := det(s[0], s[1], s[2])
	code := func(light float64) uint8 {
		return uint8(math.Round(255 * srgbCode(max(0, min(1, light)))))
	}
	return color.NRGBA{code(det(xyz, s[1], s[2]) / all), code(det(s[0], xyz, s[2]) / all), code(det(s[0], s[1], xyz) / all), 255}
}

func TestProfilesOfEveryFormatAreConverted(t *testing.T) {
	imager()
	stored := color.NRGBA{150, 120, 90, 255}
	flat := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(flat, flat.Rect, image.NewUniform(stored), image.Point{}, draw.Src)
	deep := image.NewNRGBA64(flat.Rect)
	draw.Draw(deep, deep.Rect, flat, image.Point{}, draw.Src)
	iccp := func(png, profile []byte) []byte {
		var b bytes.Buffer
		b.WriteString("a profile\x00\x00")
		z := zlib.NewWriter(&b)
		must(z.Write(profile))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return withChunk(png, "iCCP", b.Bytes())
	}
	webp := func(simple, profile []byte) []byte {
		out := appendChunk([]byte("WEBP"), "VP8X", []byte{0x20, 0, 0, 0, 63, 0, 0, 63, 0, 0})
		out = append(appendChunk(out, "ICCP", profile), simple[12:]...)
		return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(out))), out...)
	}
	gamma := func(g float64) func(float64) float64 {
		return func(code float64) float64 { return math.Pow(code, g) }
	}
	for _, c := range []struct {
		name      string
		primaries primaries
		light     func(float64) float64
	}{
		{"Display P3", p3Primaries, srgbLight},
		{"Adobe RGB", primaries{{0.6097, 0.3111, 0.0195}, {0.2053, 0.6257, 0.0609}, {0.1492, 0.0632, 0.7446}}, gamma(563.0 / 256)},
		{"ProPhoto", primaries{{0.7977, 0.2880, 0}, {0.1352, 0.7119, 0}, {0.0313, 0.0001, 0.8249}}, gamma(1.8)},
	} {
		icc := profile(c.primaries, sampled(1024, c.light))
		want := image.NewNRGBA(image.Rect(0, 0, 16, 16))
		draw.Draw(want, want.Rect, image.NewUniform(convert(stored, c.primaries, c.light)), image.Point{}, draw.Src)
		for name, src := range map[string][]byte{
			"JPEG":       withProfile(jpegOf(flat, 100), icc),
			"PNG":        iccp(pngOf(flat), icc),
			"16-bit PNG": iccp(pngOf(deep), icc),
			"WebP":       webp(webpOf(flat, true, vips.WebpExportParams{Lossless: true}), icc),
		} {
			got := rendered(t, src, target(16, 16, pipeline.Fill, pipeline.PNG))
			if _, worst := difference(t, got, want); worst > 3 {
				t.Errorf("%s in %s: %v, want %v", name, c.name, got.At(8, 8), want.At(8, 8))
			}
		}
	}
}

func FuzzICC(f *testing.F) {
	f.Add(profile(srgbPrimaries, parametric()))
	f.Add(profile(p3Primaries, sampled(42, srgbLight)))
	f.Fuzz(func(_ *testing.T, profile []byte) { isSRGB(profile) })
}
