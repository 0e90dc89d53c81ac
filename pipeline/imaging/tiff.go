package imaging

import (
	"encoding/binary"

	"sluice/pipeline"
)

// TIFF's tags, revision 6.0, sections 8 and 15.
const (
	tiffWidth         = 256
	tiffHeight        = 257
	tiffBits          = 258
	tiffCompression   = 259
	tiffPhotometric   = 262
	tiffStripOffsets  = 273
	tiffOrientation   = 274
	tiffSamples       = 277
	tiffRowsPerStrip  = 278
	tiffStripBytes    = 279
	tiffPlanar        = 284
	tiffTileWidth     = 322
	tiffTileHeight    = 323
	tiffTileOffsets   = 324
	tiffTileBytes     = 325
	tiffExtraSamples  = 338
	tiffSampleFormat  = 339
	maxTIFFEntries    = 4096
	maxTIFFSegments   = 1 << 24 // of a file of 64 MiB, at 4 bytes of it each
	tiffTilesInMemory = 1 << 31
)

// tiffFile reads the numbers of a TIFF. Of BigTIFF there is none: govips does
// not know it by its magic bytes.
type tiffFile struct {
	src   []byte
	order binary.ByteOrder
	// directory is the first one: the values of each tag, by where they lie.
	directory map[uint16]tiffEntry
}

type tiffEntry struct {
	kind   uint16
	count  uint64
	values []byte // nil if they lie beyond the end
}

// readTIFF reads the first directory of a TIFF, and checks that its pixels are
// there.
func readTIFF(src []byte) (pipeline.Header, error) {
	var h pipeline.Header
	f, err := openTIFF(src)
	if err != nil {
		return h, err
	}
	h.Width, h.Height = int(f.number(tiffWidth, 0)), int(f.number(tiffHeight, 0))
	h.Depth = int(f.number(tiffBits, 1))
	h.Bands = int(f.number(tiffSamples, 1))
	h.Orientation = int(f.number(tiffOrientation, 0))
	if h.Orientation > 8 {
		h.Orientation = 0
	}
	h.Alpha = f.directory[tiffExtraSamples].count > 0
	if err := f.supported(&h); err != nil {
		return h, err
	}
	if h.Width < 1 || h.Height < 1 {
		return h, corrupt("a TIFF of %d x %d pixels", h.Width, h.Height)
	}
	return h, f.segments(&h)
}

func openTIFF(src []byte) (*tiffFile, error) {
	f := &tiffFile{src: src, order: binary.LittleEndian, directory: map[uint16]tiffEntry{}}
	if src[0] == 'M' {
		f.order = binary.BigEndian
	}
	if len(src) < 16 {
		return nil, truncated("the file ends within the header of a TIFF")
	}
	const entry, countSize = 12, 2
	at := uint64(f.order.Uint32(src[4:]))
	size := uint64(len(src))
	if at < 8 {
		return nil, corrupt("a TIFF without a directory")
	}
	if at > size || size-at < countSize {
		return nil, truncated("a TIFF whose directory lies behind its end")
	}
	n := uint64(f.order.Uint16(src[at:]))
	if n == 0 || n > maxTIFFEntries {
		return nil, corrupt("a TIFF with a directory of %d entries", n)
	}
	at += countSize
	if size-at < n*entry {
		return nil, truncated("a TIFF that ends within its directory")
	}
	for ; n > 0; n, at = n-1, at+entry {
		f.add(src[at : at+entry])
	}
	return f, nil
}

// add takes an entry of the directory.
func (f *tiffFile) add(b []byte) {
	e := tiffEntry{kind: f.order.Uint16(b[2:])}
	e.count = uint64(f.order.Uint32(b[4:]))
	inline := b[8:12]
	size := e.size()
	if size == 0 || e.count > uint64(len(f.src)) {
		e.count = min(e.count, 1)
	} else if n := e.count * size; n <= uint64(len(inline)) {
		e.values = inline[:n]
	} else {
		at := uint64(f.order.Uint32(inline))
		if at <= uint64(len(f.src)) && n <= uint64(len(f.src))-at {
			e.values = f.src[at : at+n]
		}
	}
	tag := f.order.Uint16(b)
	if _, twice := f.directory[tag]; !twice {
		f.directory[tag] = e
	}
}

// size is that of a value, in bytes; 0 for what is no whole number.
func (e tiffEntry) size() uint64 {
	switch e.kind {
	case 1, 6, 7: // BYTE, SBYTE, UNDEFINED
		return 1
	case 3: // SHORT
		return 2
	case 4, 13: // LONG, IFD
		return 4
	}
	return 0
}

// at is a tag's ith value.
func (f *tiffFile) at(e tiffEntry, i uint64) (uint64, bool) {
	size := e.size()
	if size == 0 || (i+1)*size > uint64(len(e.values)) {
		return 0, false
	}
	switch b := e.values[i*size:]; size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(f.order.Uint16(b)), true
	default:
		return uint64(f.order.Uint32(b)), true
	}
}

// number is a tag's first value, at most 2^31.
func (f *tiffFile) number(tag uint16, otherwise uint64) uint64 {
	if v, ok := f.at(f.directory[tag], 0); ok {
		return min(v, 1<<31)
	}
	return otherwise
}

// supported refuses what is a TIFF and no picture, or a kind that viewers do
// not show.
func (f *tiffFile) supported(h *pipeline.Header) error {
	refuse := func(format string, args ...any) error { return pipeline.Fail(pipeline.Unsupported, format, args...) }
	switch c := f.number(tiffCompression, 1); c {
	case 1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50000, 50001: // none, fax, LZW, JPEG, deflate, PackBits, zstd, WebP
	default:
		return refuse("a TIFF of compression %d, which few programs read", c)
	}
	switch p := f.number(tiffPhotometric, 1); p {
	case 0, 1, 2, 5: // white is 0, black is 0, RGB, CMYK
	case 3: // a palette is decoded to its colours
		if h.Bands != 1 {
			return refuse("a TIFF with a palette and %d bands", h.Bands)
		}
		h.Bands = 3
	case 6: // YCbCr, as libjpeg hands it out
		if f.number(tiffCompression, 1) != 7 {
			return refuse("a TIFF in YCbCr that is not JPEG inside")
		}
	default:
		return refuse("a TIFF of photometric interpretation %d, which few programs read", p)
	}
	switch h.Depth {
	case 1, 2, 4, 8, 16:
	default:
		return refuse("a TIFF of %d bits a band, which are measurements, and not a picture", h.Depth)
	}
	if s := f.number(tiffSampleFormat, 1); s != 1 {
		return refuse("a TIFF of signed or floating point samples, which are measurements, and not a picture")
	}
	if h.Bands < 1 || h.Bands > 5 {
		return refuse("a TIFF of %d bands, which are measurements, and not a picture", h.Bands)
	}
	return nil
}

// segments checks that the strips or tiles of the image lie in the file.
func (f *tiffFile) segments(h *pipeline.Header) error {
	width, height := uint64(h.Width), uint64(h.Height)
	rows := min(f.number(tiffRowsPerStrip, height), height)
	across, offsets, sizes := uint64(1), f.directory[tiffStripOffsets], f.directory[tiffStripBytes]
	if tw := f.number(tiffTileWidth, 0); tw > 0 {
		rows = f.number(tiffTileHeight, 0)
		across = (width + tw - 1) / tw
		offsets, sizes = f.directory[tiffTileOffsets], f.directory[tiffTileBytes]
		if tw > maxSide || rows > maxSide || tw*rows*uint64(max(1, h.Bands)) > tiffTilesInMemory {
			return corrupt("a TIFF with tiles of %d x %d", tw, rows)
		}
	}
	if rows == 0 {
		return corrupt("a TIFF with strips of no rows")
	}
	h.Chunk = int(rows)
	if across == 1 && f.number(tiffCompression, 1) == 1 && f.number(tiffPlanar, 1) == 1 {
		// libvips reads such a strip by rows. All other ones are unpacked whole.
		h.Chunk = min(h.Chunk, 256)
	}
	want := across * ((height + rows - 1) / rows)
	if f.number(tiffPlanar, 1) == 2 {
		want *= f.number(tiffSamples, 1)
	}
	if want > maxTIFFSegments {
		return corrupt("a TIFF of %d strips", want)
	}
	for i := range want {
		at, ok := f.at(offsets, i)
		n, okSize := f.at(sizes, i)
		if !ok || !okSize {
			if offsets.values == nil || sizes.values == nil {
				h.Truncated = "a TIFF whose list of strips lies behind its end"
				return nil
			}
			return corrupt("a TIFF with %d strips that names %d", want, i)
		}
		if size := uint64(len(f.src)); at > size || n > size-at {
			h.Truncated = "a TIFF with strips that lie behind its end"
			return nil
		}
	}
	return nil
}
