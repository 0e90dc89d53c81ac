package tables

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// streamed is a chunk whose pages are read as streams.
type streamed struct {
	src     *object
	name    string
	depth   int // see column
	meta    *format.ColumnChunk
	gate    *gate
	index   func() (parquet.OffsetIndex, error) // nil if there is none
	section *section
	unpack  unpacker
	words   *words // the dictionary, once it is needed

	next int64 // where the next page is
	row  int64 // of the next value, in the row group
	end  int64 // the row after the page
	page *page // nil if row is at its end

	value  *stream // of the current value
	length int64   // of which so much is still to be read
}

func newStreamed(o *object, f *footer, g rowGroup, c column) *streamed {
	k := f.chunk(g, c)
	s := &streamed{src: o, name: c.name, depth: c.depth, meta: k, gate: newGate(o, k, g.rows), next: firstPage(k)}
	s.section = newSection(o, s.gate.end)
	s.unpack.codec = k.MetaData.Codec
	if f.indexed(g, c) {
		s.index = func() (parquet.OffsetIndex, error) {
			if err := s.gate.index(); err != nil {
				return nil, err
			}
			return f.file.RowGroups()[g.i].ColumnChunks()[c.leaf].(*parquet.FileColumnChunk).OffsetIndex()
		}
	}
	return s
}

func (s *streamed) close() {
	s.unpack.close()
	if s.words != nil {
		s.words.unpack.close()
	}
}

func (s *streamed) at(row int64) (n int64, err error) {
	err = s.src.guard(func() error {
		if n, err = s.goTo(row); err != nil {
			return fmt.Errorf("column %q: %w", s.name, noEOF(err))
		}
		return nil
	})
	return n, err
}

// Read reads the value that at has gone to.
func (s *streamed) Read(p []byte) (n int, err error) {
	if s.length == 0 {
		return 0, io.EOF
	}
	err = s.src.guard(func() (err error) {
		n, err = s.value.Read(p[:min(int64(len(p)), s.length)])
		if s.length -= int64(n); err != nil {
			return fmt.Errorf("column %q: %w", s.name, noEOF(err))
		}
		return nil
	})
	return n, err
}

// rest passes over what has not been read of the current value.
func (s *streamed) rest() error {
	n := s.length
	s.length = 0
	if n == 0 {
		return nil
	}
	return s.value.pass(n)
}

func (s *streamed) goTo(row int64) (int64, error) {
	if err := s.rest(); err != nil {
		return 0, err
	}
	if row >= s.end && row > s.row && s.index != nil {
		if err := s.jump(row); err != nil {
			return 0, err
		}
	}
	for row >= s.end {
		if err := s.turn(row); err != nil {
			return 0, err
		}
	}
	for ; s.row < row; s.row++ {
		if err := s.page.skip(); err != nil {
			return 0, err
		}
	}
	s.row++
	return s.open()
}

// jump goes to the page that holds a row, by the offset index.
func (s *streamed) jump(row int64) error {
	index, err := s.index()
	if err != nil {
		return err
	}
	i, beyond := 0, index.NumPages()
	for i+1 < beyond { // the last page that begins before row or with it
		if half := (i + beyond) / 2; index.FirstRowIndex(half) <= row {
			i = half
		} else {
			beyond = half
		}
	}
	if beyond == 0 || index.FirstRowIndex(i) <= s.row {
		return nil
	}
	s.next, s.end = index.Offset(i), index.FirstRowIndex(i)
	s.row, s.page = s.end, nil
	return nil
}

// header reads the header of the page at a place, and leaves the section at the
// page's body.
func (s *streamed) header(c *section, at int64) (format.PageHeader, error) {
	if at < 0 || at >= s.gate.end {
		return format.PageHeader{}, errors.New("it ends before the row group does")
	}
	if err := c.to(at); err != nil {
		return format.PageHeader{}, err
	}
	const usual = 128
	first, err := c.Peek(int(min(usual, s.gate.end-at)))
	if err != nil {
		return format.PageHeader{}, err
	}
	h, n, err := s.gate.parse(first, at)
	if err != nil {
		return h, fmt.Errorf("the page at byte %d: %w", at, err)
	}
	return h, c.to(at + n)
}

// turn goes to the next page of data. It is not opened if row is behind it.
func (s *streamed) turn(row int64) error {
	s.row, s.page = s.end, nil
	h, err := s.header(s.section, s.next)
	if err != nil {
		return err
	}
	end, _ := s.section.file.Seek(0, io.SeekCurrent) // cannot fail
	s.next = end - int64(s.section.Buffered()) + int64(h.CompressedPageSize)
	if h.Type != format.DataPage && h.Type != format.DataPageV2 {
		return nil
	}
	if s.end += valuesOf(h); row >= s.end {
		return nil
	}
	s.page, err = s.openPage(h)
	return err
}

// openPage reads a page up to its first value.
func (s *streamed) openPage(h format.PageHeader) (*page, error) {
	size, unpacked, packed := int64(h.CompressedPageSize), int64(h.UncompressedPageSize), true
	p := &page{depth: uint32(s.depth)}
	var levels []byte
	encoding := h.DataPageHeader.V.Encoding
	if h.Type == format.DataPageV2 {
		v2 := h.DataPageHeaderV2.V
		encoding = v2.Encoding
		packed = !v2.IsCompressed.Valid || v2.IsCompressed.V
		n := int64(v2.DefinitionLevelsByteLength)
		if v2.RepetitionLevelsByteLength != 0 || n < 0 || n > min(size, unpacked) {
			return nil, errors.New("the lengths of its levels are damaged")
		}
		var err error
		if levels, err = (&stream{s.section.Reader, n}).bytes(n); err != nil {
			return nil, err
		}
		size, unpacked = size-n, unpacked-n
	}
	var err error
	if p.body, err = s.unpack.open(s.section, size, unpacked, packed); err != nil {
		return nil, err
	}
	if h.Type == format.DataPage && s.depth > 0 {
		if e := h.DataPageHeader.V.DefinitionLevelEncoding; e != format.RLE {
			return nil, fmt.Errorf("its levels are encoded as %s, which is not supported", e)
		}
		n, err := p.body.length()
		if err != nil {
			return nil, err
		}
		if levels, err = p.body.bytes(n); err != nil {
			return nil, err
		}
	}
	if s.depth > 0 {
		p.levels = newRuns(bytes.NewReader(levels), bits.Len(uint(s.depth)))
	}
	return p, p.begin(encoding, valuesOf(h))
}

// open goes to the value of the next row.
func (s *streamed) open() (int64, error) {
	p := s.page
	if there, err := p.present(); err != nil || !there {
		return null, err
	}
	if p.numbers == nil {
		n, err := p.size()
		s.value, s.length = p.body, n
		return n, err
	}
	number, err := p.numbers.next()
	if err != nil {
		return 0, err
	}
	if s.words == nil {
		if s.words, err = newWords(s); err != nil {
			return 0, err
		}
	}
	s.value, s.length, err = s.words.at(int64(number))
	return s.length, err
}
