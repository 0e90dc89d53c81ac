package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

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
	for _, c := range []struct {
		name string
		src  []byte
		want color.NRGBA
	}{
		{"none", src, color.NRGBA{200, 100, 60, 255}},
		{"sRGB", withProfile(src, profile(srgbPrimaries, parametric())), color.NRGBA{200, 100, 60, 255}},
		{"Display P3", withProfile(src, profile(p3Primaries, parametric())), p3},
		{"one that makes no sense", withProfile(src, bytes.Repeat([]byte("nonsense"), 40)), color.NRGBA{200, 100, 60, 255}},
	} {
		got := rendered(t, c.src, target(16, 16, pipeline.Fill, pipeline.PNG))
		want := image.NewNRGBA(got.Bounds())
		draw.Draw(want, want.Rect, image.NewUniform(c.want), image.Point{}, draw.Src)
		if _, worst := difference(t, got, want); worst > 3 {
			t.Errorf("%s: %v, want %v", c.name, got.At(8, 8), c.want)
		}
	}
}

func FuzzICC(f *testing.F) {
	f.Add(profile(srgbPrimaries, parametric()))
	f.Add(profile(p3Primaries, sampled(42, srgbLight)))
	f.Fuzz(func(_ *testing.T, profile []byte) { isSRGB(profile) })
}
