package imaging

import (
	"encoding/binary"
	"math"
)

// isSRGB reports whether an ICC profile describes sRGB, to within what 8 bits
// show: the primaries, and the curves between code and light. Most profiles in
// photographs do, under many names, and converting by one costs about as much
// as encoding the image. ICC.1:2022, sections 7.2, 9.2 and 10.
func isSRGB(profile []byte) bool {
	if len(profile) < 132 || string(profile[16:20]) != "RGB " || string(profile[20:24]) != "XYZ " {
		return false
	}
	tags := iccTags(profile)
	if tags["A2B0"] != nil {
		return false // a table, which goes before primaries and curves
	}
	// IEC 61966-2-1 adapted to D50, as in every such profile.
	for tag, want := range map[string][3]float64{
		"rXYZ": {0.4361, 0.2225, 0.0139},
		"gXYZ": {0.3851, 0.7169, 0.0971},
		"bXYZ": {0.1431, 0.0606, 0.7139},
	} {
		data := tags[tag]
		if len(data) < 20 || string(data[:4]) != "XYZ " {
			return false
		}
		for i := range want {
			if math.Abs(fixed16(data[8+4*i:])-want[i]) > 0.002 {
				return false
			}
		}
	}
	for _, tag := range []string{"rTRC", "gTRC", "bTRC"} {
		curve := iccCurve(tags[tag])
		if curve == nil {
			return false
		}
		for code := 0; code < 256; code += 5 {
			if math.Abs(srgbCode(curve(float64(code)/255))*255-float64(code)) > 1.5 {
				return false
			}
		}
	}
	return true
}

// iccTags finds the tagged data of a profile, by signature. What reaches beyond
// its end is left out.
func iccTags(profile []byte) map[string][]byte {
	tags := map[string][]byte{}
	n := binary.BigEndian.Uint32(profile[128:])
	for table := profile[132:]; n > 0 && len(table) >= 12; n, table = n-1, table[12:] {
		offset := uint64(binary.BigEndian.Uint32(table[4:]))
		size := uint64(binary.BigEndian.Uint32(table[8:]))
		if offset+size <= uint64(len(profile)) {
			tags[string(table[:4])] = profile[offset : offset+size]
		}
	}
	return tags
}

// iccCurve is a tone curve, from code to light, both from 0 to 1; nil for what
// no profile of sRGB holds.
func iccCurve(data []byte) func(float64) float64 {
	if len(data) < 12 {
		return nil
	}
	switch kind, body := string(data[:4]), data[8:]; kind {
	case "curv":
		n := int(binary.BigEndian.Uint32(body))
		table := body[4:]
		if n < 2 || n > len(table)/2 {
			return nil
		}
		return func(x float64) float64 {
			at := x * float64(n-1)
			i := min(int(at), n-2)
			low := float64(binary.BigEndian.Uint16(table[2*i:]))
			high := float64(binary.BigEndian.Uint16(table[2*i+2:]))
			return (low + (high-low)*(at-float64(i))) / 65535
		}
	case "para":
		if function := binary.BigEndian.Uint16(body); function != 3 || len(body) < 24 {
			return nil
		}
		g, a, b := fixed16(body[4:]), fixed16(body[8:]), fixed16(body[12:])
		c, d := fixed16(body[16:]), fixed16(body[20:])
		return func(x float64) float64 {
			if x >= d {
				return math.Pow(a*x+b, g)
			}
			return c * x
		}
	}
	return nil
}

// srgbCode is sRGB's code of an amount of light, both from 0 to 1.
func srgbCode(light float64) float64 {
	if light <= 0.0031308 {
		return 12.92 * light
	}
	return 1.055*math.Pow(light, 1/2.4) - 0.055
}

// fixed16 reads an s15Fixed16Number.
func fixed16(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }
