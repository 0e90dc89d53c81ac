package imaging

import (
	"bytes"
	"slices"
	"strings"

	"sluice/pipeline"
)

// heifFile is what the meta box of a HEIF file says: ISO/IEC 23008-12, and
// ISO/IEC 14496-12, section 8.11.
type heifFile struct {
	src        []byte
	idat       []byte
	primary    uint64
	kinds      map[uint64]string // of the items
	extents    map[uint64][]heifExtent
	properties []isoBox
	has        map[uint64][]int // indexes of the properties of an item, in order
	refers     map[heifReference][]uint64
	truncated  string
}

type heifExtent struct {
	at, size uint64
	inIdat   bool
}

type heifReference struct {
	kind string
	from uint64
}

// The largest number of extents that is looked at: a grid of phones has 48
// tiles of one each.
const maxHEIFExtents = 1 << 16

// readHEIF reads what AVIF and HEIC have in common. The size is the one that
// libheif hands out, which crops and turns by itself.
func readHEIF(src []byte) (pipeline.Header, error) {
	h := pipeline.Header{Bands: 3}
	f, err := openHEIF(src)
	if err != nil {
		return h, err
	}
	h.Truncated = f.truncated
	codec := f.codec(f.primary)
	switch codec {
	case "av01":
		h.Format = "avif"
	case "hvc1", "hev1":
		h.Format = "heic"
	default:
		return h, pipeline.Fail(pipeline.Unsupported, "a HEIF file whose image is of type %q: AVIF and HEIC are supported", codec)
	}
	h.Depth, h.Subsampled = f.depth()
	turned := f.size(&h)
	if h.Width < 1 || h.Height < 1 {
		return h, corrupt("a %s that does not say how large it is", strings.ToUpper(h.Format))
	}
	for ref, to := range f.refers {
		switch {
		case len(to) == 0 || to[0] != f.primary:
		case ref.kind == "auxl" && f.isAlpha(ref.from):
			h.Alpha, h.Bands = true, 4
		case ref.kind == "cdsc" && f.kinds[ref.from] == "Exif" && !turned:
			// What turns the image in the file's own terms counts, and comes
			// first; writers that convert Exif to it often leave both.
			h.Orientation = f.exif(ref.from)
		}
	}
	return h, nil
}

func openHEIF(src []byte) (*heifFile, error) {
	f := &heifFile{src: src, kinds: map[uint64]string{}, extents: map[uint64][]heifExtent{}, has: map[uint64][]int{}, refers: map[heifReference][]uint64{}}
	var meta []byte
	whole := false
	for b := range boxes(src) {
		if b.kind == "meta" && meta == nil {
			meta, whole = b.body, b.whole
		}
		if !b.whole {
			f.truncated = "a HEIF file that ends within its " + printable(b.kind) + " box"
		}
	}
	if meta == nil && f.truncated == "" {
		if bytes.Contains(src[:min(64, len(src))], []byte("avis")) || bytes.Contains(src[:min(64, len(src))], []byte("msf1")) {
			return nil, pipeline.Fail(pipeline.Unsupported, "a HEIF sequence without a still image in it")
		}
		return nil, truncated("a HEIF file without its index")
	}
	if meta == nil || !whole || len(meta) < 4 {
		return nil, truncated("a HEIF file that ends within its index")
	}
	for b := range boxes(meta[4:]) {
		if !b.whole {
			return nil, corrupt("a HEIF file with a damaged index")
		}
		r := &fields{data: b.body}
		switch b.kind {
		case "pitm":
			v, _ := r.version()
			f.primary = r.number(idSize(v >= 1))
		case "iinf":
			f.addItems(r)
		case "iloc":
			if err := f.addExtents(r); err != nil {
				return nil, err
			}
		case "iprp":
			f.addProperties(b.body)
		case "iref":
			f.addReferences(r)
		case "idat":
			f.idat = b.body
		}
		if r.short {
			return nil, corrupt("a HEIF file with a damaged %s box", printable(b.kind))
		}
	}
	if f.kinds[f.primary] == "" {
		return nil, corrupt("a HEIF file that does not say which image is the one to show")
	}
	f.checkExtents()
	return f, nil
}

// idSize is that of an item's number, bytes.
func idSize(long bool) int {
	if long {
		return 4
	}
	return 2
}

func (f *heifFile) addItems(r *fields) {
	v, _ := r.version()
	r.number(idSize(v >= 1)) // how many, which the boxes say too
	for b := range boxes(r.data) {
		e := &fields{data: b.body}
		v, _ := e.version()
		if b.kind != "infe" || v < 2 {
			continue
		}
		id := e.number(idSize(v >= 3))
		e.number(2) // protection
		f.kinds[id] = string(e.bytes(4))
	}
}

func (f *heifFile) addExtents(r *fields) error {
	v, _ := r.version()
	sizes := r.number(2)
	offsetSize, lengthSize, baseSize, indexSize := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	if v == 0 {
		indexSize = 0
	}
	all := 0
	for n := r.number(idSize(v >= 2)); n > 0 && !r.short; n-- {
		id := r.number(idSize(v >= 2))
		method := uint64(0)
		if v >= 1 {
			method = r.number(2) & 15
		}
		elsewhere := r.number(2) != 0
		base := r.number(baseSize)
		for n := r.number(2); n > 0 && !r.short; n-- {
			r.number(indexSize)
			e := heifExtent{inIdat: method == 1}
			e.at = base + r.number(offsetSize)
			e.size = r.number(lengthSize)
			if all++; all > maxHEIFExtents {
				return corrupt("a HEIF file in more than %d pieces", maxHEIFExtents)
			}
			if method <= 1 && !elsewhere {
				f.extents[id] = append(f.extents[id], e)
			}
		}
	}
	return nil
}

func (f *heifFile) addProperties(body []byte) {
	for b := range boxes(body) {
		switch b.kind {
		case "ipco":
			f.properties = slices.AppendSeq(f.properties, boxes(b.body))
		case "ipma":
			r := &fields{data: b.body}
			v, flags := r.version()
			for n := r.number(4); n > 0 && !r.short; n-- {
				id := r.number(idSize(v >= 1))
				for n := r.number(1); n > 0 && !r.short; n-- {
					i := int(r.number(1 + int(flags&1)))
					if flags&1 != 0 {
						i &= 0x7fff // without whether it is essential
					} else {
						i &= 0x7f
					}
					f.has[id] = append(f.has[id], i-1)
				}
			}
		}
	}
}

func (f *heifFile) addReferences(r *fields) {
	v, _ := r.version()
	for b := range boxes(r.data) {
		e := &fields{data: b.body}
		ref := heifReference{kind: b.kind, from: e.number(idSize(v >= 1))}
		for n := e.number(2); n > 0 && !e.short; n-- {
			f.refers[ref] = append(f.refers[ref], e.number(idSize(v >= 1)))
		}
	}
}

// checkExtents checks that the data of all items lie in the file.
func (f *heifFile) checkExtents() {
	for _, extents := range f.extents {
		for _, e := range extents {
			if _, ok := f.data(e); !ok && f.truncated == "" {
				f.truncated = "a HEIF file with data that lie behind its end"
			}
		}
	}
}

// data is an extent's bytes, not ok if they are not all there.
func (f *heifFile) data(e heifExtent) ([]byte, bool) {
	in := f.src
	if e.inIdat {
		in = f.idat
	}
	if e.at > uint64(len(in)) || e.size > uint64(len(in))-e.at {
		return nil, false
	}
	if e.size == 0 {
		return in[e.at:], true // to the end
	}
	return in[e.at : e.at+e.size], true
}

// codec is an item's type; of one that is derived from others, theirs.
func (f *heifFile) codec(item uint64) string {
	kind := f.kinds[item]
	switch kind {
	case "grid", "iden", "iovl":
		if to := f.refers[heifReference{"dimg", item}]; len(to) > 0 && f.kinds[to[0]] != kind {
			return f.kinds[to[0]]
		}
	}
	return kind
}

// each calls do with the properties of an item, in their order.
func (f *heifFile) each(item uint64, do func(p isoBox)) {
	for _, i := range f.has[item] {
		if i >= 0 && i < len(f.properties) {
			do(f.properties[i])
		}
	}
}

// size is what the primary item's transformations make of its size. It reports
// whether they turn it.
func (f *heifFile) size(h *pipeline.Header) (turned bool) {
	f.each(f.primary, func(p isoBox) {
		r := &fields{data: p.body}
		switch p.kind {
		case "ispe":
			r.version()
			h.Width, h.Height = int(r.number(4)), int(r.number(4))
		case "clap":
			w, wd, hh, hd := r.number(4), r.number(4), r.number(4), r.number(4)
			if wd > 0 && hd > 0 && !r.short {
				h.Width, h.Height = min(h.Width, int(w/wd)), min(h.Height, int(hh/hd))
			}
		case "irot":
			turned = true
			if r.number(1)&1 != 0 {
				h.Width, h.Height = h.Height, h.Width
			}
		case "imir":
			turned = true
		}
	})
	return turned
}

// depth is the bits of a band, and whether chroma is 4:2:0, by the decoder's
// configuration: of the primary item, or of the first that it is made of.
func (f *heifFile) depth() (bits int, subsampled bool) {
	bits = 8
	items := append([]uint64{f.primary}, f.refers[heifReference{"dimg", f.primary}]...)
	for _, item := range items {
		found := false
		f.each(item, func(p isoBox) {
			switch {
			case p.kind == "av1C" && len(p.body) >= 3: // AV1 in ISOBMFF, section 2.3
				found = true
				if b := p.body[2]; b&0x40 != 0 {
					bits = 10 + int(b>>5&1)*2
				}
				subsampled = p.body[2]>>2&3 == 3
			case p.kind == "hvcC" && len(p.body) >= 19: // ISO/IEC 14496-15, section 8.3.3
				found = true
				bits = 8 + int(p.body[17]&7)
				subsampled = p.body[16]&3 == 1
			}
		})
		if found {
			break
		}
	}
	return bits, subsampled
}

func (f *heifFile) isAlpha(item uint64) (alpha bool) {
	f.each(item, func(p isoBox) {
		// urn:mpeg:mpegB:cicp:systems:auxiliary:alpha, or HEVC's own name for it.
		if p.kind == "auxC" && (bytes.Contains(p.body, []byte(":alpha")) || bytes.Contains(p.body, []byte("hevc:2015:auxid:1"))) {
			alpha = true
		}
	})
	return alpha
}

// exif is the orientation in an item of Exif.
func (f *heifFile) exif(item uint64) int {
	if len(f.extents[item]) == 0 {
		return 0
	}
	data, _ := f.data(f.extents[item][0])
	r := &fields{data: data}
	skip := r.number(4) // to the TIFF header
	if r.short || skip > uint64(len(r.data)) {
		return 0
	}
	return exifOrientation(r.data[skip:])
}

// printable is a four-character code, for a message.
func printable(code string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, code)
}

// inspectHEIF looks for data that a download left as zeros: no coder ends with
// many.
func inspectHEIF(src []byte) error {
	f, err := openHEIF(src)
	if err != nil {
		return err
	}
	items := append([]uint64{f.primary}, f.refers[heifReference{"dimg", f.primary}]...)
	for _, item := range items {
		for _, e := range f.extents[item] {
			if data, _ := f.data(e); zeroTail(data) {
				return truncated("a HEIF file whose data end in zeros")
			}
		}
	}
	return nil
}

// zeroTail reports whether data end in more zeros than any compressed image.
func zeroTail(data []byte) bool {
	const most = 64
	return len(data) > most && len(bytes.TrimRight(data[len(data)-most:], "\x00")) == 0
}
