package hostile

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// stored is an image that Go cannot write: of this package, or of imaging's.
func stored(name string) func() []byte {
	return func() []byte {
		for _, folder := range []string{"testdata", filepath.Join("..", "..", "pipeline", "imaging", "testdata")} {
			if b, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
				return b
			}
		}
		panic("there is no " + name)
	}
}

// cut is the first two thirds of an image.
func cut(image func() []byte) func() []byte {
	return func() []byte { b := image(); return b[:len(b)*2/3] }
}

// damaged is an image with other bytes in its second half.
func damaged(image func() []byte) func() []byte {
	return func() []byte {
		b := image()
		for i := len(b) / 2; i < len(b)/2+min(64, len(b)/4); i++ {
			b[i] ^= 0x5a
		}
		return b
	}
}

// changed is an image in which old, which it holds once, is another.
func changed(image func() []byte, old, now string) func() []byte {
	return func() []byte {
		b := image()
		if bytes.Count(b, []byte(old)) != 1 {
			panic("it is not there once")
		}
		return bytes.Replace(b, []byte(old), []byte(now), 1)
	}
}

// photo is a small JPEG that is well.
var photo = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, picture(160, 120), nil) // to memory: cannot fail
	return b.Bytes()
})

func picture(width, height int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			m.SetRGBA(x, y, color.RGBA{uint8(x * y), uint8(x + y), uint8(y), 255})
		}
	}
	return m
}

func pngOf(m image.Image) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, m) // to memory: cannot fail
	return b.Bytes()
}

func deepPNG() []byte {
	m := image.NewNRGBA64(image.Rect(0, 0, 64, 48))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7)
	}
	return pngOf(m)
}

func bmpOf() []byte {
	var b bytes.Buffer
	_ = bmp.Encode(&b, picture(32, 32)) // to memory: cannot fail
	return b.Bytes()
}

func tiffOf() []byte {
	var b bytes.Buffer
	_ = tiff.Encode(&b, picture(32, 32), nil) // to memory: cannot fail
	return b.Bytes()
}

// animation is a GIF of three frames.
func animation() []byte {
	var b bytes.Buffer
	g := &gif.GIF{}
	for i := range 3 {
		m := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.Black, color.White, color.RGBA{200, 0, 0, 255}})
		for k := range m.Pix {
			m.Pix[k] = uint8((k + i) % 3)
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 10)
	}
	_ = gif.EncodeAll(&b, g) // to memory: cannot fail
	return b.Bytes()
}

// pngBomb is a PNG of so many pixels a side, one bit each and all of them zero.
func pngBomb(side int) []byte { return pngOfBits(side, side) }

// lyingPNG is one of 20,000 pixels a side that says it has 8.
func lyingPNG() []byte { return pngOfBits(20_000, 8) }

func pngOfBits(side, said int) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(data))) // to memory, as all of these
		start := b.Len()
		b.WriteString(kind)
		b.Write(data)
		_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(b.Bytes()[start:]))
	}
	var header [13]byte
	binary.BigEndian.PutUint32(header[0:], uint32(said))
	binary.BigEndian.PutUint32(header[4:], uint32(said))
	header[8] = 1 // bit, of grey
	chunk("IHDR", header[:])
	var z bytes.Buffer
	w, _ := zlib.NewWriterLevel(&z, zlib.BestSpeed) // a level that there is
	row := make([]byte, 1+(side+7)/8)
	for range side {
		_, _ = w.Write(row)
	}
	_ = w.Close()
	chunk("IDAT", z.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}

// flatJPEG is a JPEG in which every coefficient is zero, in a bit or two a block:
// a small file of any size in pixels. Its components are not subsampled.
func flatJPEG(width, height, components int, progressive bool) []byte {
	var b bytes.Buffer
	segment := func(marker byte, data ...byte) {
		b.Write([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)})
		b.Write(data)
	}
	b.Write([]byte{0xff, 0xd8})
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	frame, bits := byte(0xc0), 2 // a block: no difference, and no more
	if progressive {
		frame, bits = 0xc2, 1 // the first scan has the first coefficients only
	}
	sof := []byte{8, byte(height >> 8), byte(height), byte(width >> 8), byte(width), byte(components)}
	scan := []byte{byte(components)}
	for c := range components {
		sof = append(sof, byte(c+1), 0x11, 0)
		scan = append(scan, byte(c+1), 0)
	}
	segment(frame, sof...)
	// Tables of one code, a single 0 bit: category 0, and the end of the block.
	table := append([]byte{1}, make([]byte, 16)...)
	segment(0xc4, append([]byte{0x00}, table...)...)
	segment(0xc4, append([]byte{0x10}, table...)...)
	if progressive {
		scan = append(scan, 0, 0, 0)
	} else {
		scan = append(scan, 0, 63, 0)
	}
	segment(0xda, scan...)
	blocks := ((width + 7) / 8) * ((height + 7) / 8) * components
	b.Write(make([]byte, blocks*bits/8))
	if rest := blocks * bits % 8; rest > 0 {
		b.WriteByte(0xff >> rest) // the rest of a byte is ones
	}
	b.Write([]byte{0xff, 0xd9})
	return b.Bytes()
}

// manyScans is a progressive JPEG, of grey, that after its first scan has the same
// one over and over, each of which says in a few bytes that nothing changes
// anywhere: a small file that takes a decoder as long as one likes.
func manyScans(width, height, scans int) []byte {
	b := flatJPEG(width, height, 1, true)
	b = b[:len(b)-2] // the end of the image
	// A table of one code, a single 0 bit: the end of 2^14 blocks and as many more
	// as 14 bits say.
	b = append(b, 0xff, 0xc4, 0, 20, 0x10, 1)
	b = append(b, make([]byte, 15)...)
	b = append(b, 0xe0)
	scan := []byte{0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0}
	var run uint32 // bits that are not written yet, from the top
	var held int
	put := func(v uint32, n int) {
		for i := n - 1; i >= 0; i-- {
			run |= (v >> i & 1) << (31 - held)
			if held++; held == 8 {
				scan = append(scan, byte(run>>24))
				if byte(run>>24) == 0xff {
					scan = append(scan, 0) // or it would begin a marker
				}
				run, held = 0, 0
			}
		}
	}
	for blocks := ((width + 7) / 8) * ((height + 7) / 8); blocks > 0; blocks -= 1<<15 - 1 {
		put(0, 1)
		put(1<<14-1, 14)
	}
	for held > 0 {
		put(1, 1) // the rest of a byte is ones
	}
	return append(append(b, bytes.Repeat(scan, scans)...), 0xff, 0xd9)
}

// hangingGzip hangs the sniffer of libvips 8.14.1 for good.
func hangingGzip() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, "hello") // to memory: cannot fail
	_ = z.Close()
	return append(b.Bytes(), "0123456789abcde"...)
}
