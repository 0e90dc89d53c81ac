package imaging

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
)

// photo makes an image that compresses as photographs do: structure at every
// scale, edges, and a sensor's noise.
func photo(width, height int) *image.NRGBA {
	r := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	im := image.NewNRGBA(image.Rect(0, 0, width, height))
	type octave struct {
		cell   int
		values []int // of its corners, three bands each
		across int
	}
	var octaves []octave
	for cell, amplitude := max(width, height)/2+1, 110; cell >= 4; cell, amplitude = cell/4, amplitude*5/8 {
		o := octave{cell: cell, across: width/cell + 2}
		o.values = make([]int, 3*o.across*(height/cell+2))
		for i := 0; i < len(o.values); i += 3 {
			grey := r.IntN(2*amplitude+1) - amplitude
			for b := range 3 {
				o.values[i+b] = grey + r.IntN(amplitude/2+1) - amplitude/4
			}
		}
		octaves = append(octaves, o)
	}
	for y := range height {
		for x := range width {
			noise := r.IntN(9) - 4
			pixel := [3]int{128 + noise, 128 + noise, 128 + noise}
			for _, o := range octaves {
				i, j := x/o.cell, y/o.cell
				u, v := x%o.cell, y%o.cell
				at := 3 * (j*o.across + i)
				for b := range 3 {
					top := o.values[at+b]*(o.cell-u) + o.values[at+3+b]*u
					bottom := o.values[at+3*o.across+b]*(o.cell-u) + o.values[at+3*o.across+3+b]*u
					pixel[b] += (top*(o.cell-v) + bottom*v) / (o.cell * o.cell)
				}
			}
			p := im.Pix[y*im.Stride+4*x:]
			for b := range 3 {
				p[b] = byte(clamp(pixel[b], 0, 255))
			}
			p[3] = 255
		}
	}
	return im
}

// cached is what make makes, kept from run to run: a 12 MP image takes seconds.
// The key changes with the version of what makes it.
func cached(t testing.TB, key string, make func() []byte) []byte {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	dir = filepath.Join(dir, "sluice-imaging-test")
	path := filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256([]byte("2 "+key))))
	if data, err := os.ReadFile(path); err == nil {
		return data
	}
	data := make()
	// Another test process may be at it too: no half-written file under path.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
	return data
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func jpegOf(im image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngOf(im image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// exported is what libvips writes of im, for what Go cannot: flat drops alpha.
func exported(im image.Image, flat bool, export func(*vips.ImageRef) ([]byte, *vips.ImageMetadata, error)) []byte {
	v := must(vips.NewImageFromGoImage(im))
	defer v.Close()
	if flat {
		if err := v.Flatten(nil); err != nil {
			panic(err)
		}
	}
	data, _, err := export(v)
	if err != nil {
		panic(err)
	}
	return data
}

func progressiveJPEG(im image.Image, subsample vips.SubsampleMode) []byte {
	return exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		return v.ExportJpeg(&vips.JpegExportParams{Quality: 85, Interlace: true, SubsampleMode: subsample, StripMetadata: true})
	})
}

// cmykJPEG has libvips' profile of CMYK in it, and an orientation of 1.
func cmykJPEG(im image.Image) []byte {
	return exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		if err := v.ToColorSpace(vips.InterpretationCMYK); err != nil {
			return nil, nil, err
		}
		return v.ExportJpeg(&vips.JpegExportParams{Quality: 95})
	})
}

func interlacedPNG(im image.Image) []byte {
	return exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		return v.ExportPng(&vips.PngExportParams{Compression: 1, Interlace: true})
	})
}

func webpOf(im image.Image, flat bool, p vips.WebpExportParams) []byte {
	return bareWebP(exported(im, flat, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		return v.ExportWebp(&p)
	}))
}

// exif is Exif's TIFF structure with an orientation in it.
func exif(order binary.AppendByteOrder, orientation int) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8) // of the first directory
	b = order.AppendUint16(b, 2) // entries in it
	for _, e := range [][2]int{{0x0100, 1}, {0x0112, orientation}} {
		b = order.AppendUint16(b, uint16(e[0]))
		b = order.AppendUint16(b, 3) // SHORT
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, uint16(e[1]))
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

// withSegment puts a segment behind the SOI of a JPEG.
func withSegment(jpeg []byte, marker byte, body []byte) []byte {
	out := append([]byte{0xff, 0xd8, 0xff, marker}, byte((len(body)+2)>>8), byte(len(body)+2))
	return append(append(out, body...), jpeg[2:]...)
}

func withExif(jpeg []byte, orientation int) []byte {
	return withSegment(jpeg, markerAPP1, append([]byte("Exif\x00\x00"), exif(binary.BigEndian, orientation)...))
}

// withChunk puts a chunk behind the IHDR of a PNG.
func withChunk(png []byte, kind string, body []byte) []byte {
	const at = 8 + 12 + 13
	typed := append([]byte(kind), body...)
	out := bytes.Clone(png[:at])
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = append(out, typed...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(typed))
	return append(out, png[at:]...)
}

// extendedWebP makes an extended WebP of a simple one, with an EXIF chunk.
func extendedWebP(simple []byte, width, height int, exif []byte) []byte {
	w, h := width-1, height-1
	body := []byte("WEBP")
	body = appendChunk(body, "VP8X", []byte{0x08, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)})
	body = append(body, simple[12:]...)
	body = appendChunk(body, "EXIF", exif)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// half makes the left half of an image transparent, by degrees.
func half(im *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(im.Rect)
	copy(out.Pix, im.Pix)
	for y := range im.Rect.Dy() {
		for x := range im.Rect.Dx() {
			out.Pix[y*out.Stride+4*x+3] = byte(min(255, 510*x/im.Rect.Dx()))
		}
	}
	return out
}

func gifOf(im image.Image) []byte {
	var b bytes.Buffer
	if err := gif.Encode(&b, im, &gif.Options{NumColors: 256}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func tiffOf(im image.Image, p vips.TiffExportParams) []byte {
	p.StripMetadata = true
	return exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) { return v.ExportTiff(&p) })
}

func avifOf(im image.Image, flat bool, p vips.AvifExportParams) []byte {
	p.StripMetadata = true
	return exported(im, flat, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) { return v.ExportAvif(&p) })
}

func heicOf(im image.Image) []byte {
	return exported(im, true, func(v *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
		return v.ExportHeif(&vips.HeifExportParams{Quality: 80, Bitdepth: 8, Effort: 1})
	})
}
