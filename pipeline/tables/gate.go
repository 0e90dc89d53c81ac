package tables

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// maxPage bounds what a page may take to be decoded. Most writers end one at
	// 1 MB; DuckDB's may have 100 MB. Without a limit parquet-go allocates what a
	// header claims: 2 GB.
	maxPage = 256 << 20
	// maxPageHeader leaves room for statistics of values that are whole files.
	maxPageHeader = 16 << 20
	// maxIndex is an offset index of 400,000 pages.
	maxIndex = 4 << 20
)

// gate lets a column chunk's bytes through to parquet-go. It reads the header of
// each page among them first, and refuses one that claims what cannot be.
type gate struct {
	src  *object
	k    *format.ColumnChunk
	end  int64 // of the chunk
	rows int64 // of the row group
	most int64 // that a page may take to be decoded
	// next is where the next page's header is, by where a stream of reads goes
	// on. There are two when parquet-go has jumped to a page, and goes back for
	// the dictionary. A read that goes on from none begins at a header.
	next map[int64]int64
}

func newGate(src *object, k *format.ColumnChunk, rows int64) *gate {
	return &gate{src: src, k: k, end: firstPage(k) + k.MetaData.TotalCompressedSize, rows: rows, most: maxPage, next: map[int64]int64{}}
}

// firstPage is where a chunk begins, with its dictionary if it has one.
func firstPage(k *format.ColumnChunk) int64 {
	if at := k.MetaData.DictionaryPageOffset; at != 0 {
		return at
	}
	return k.MetaData.DataPageOffset
}

// ReadAt implements io.ReaderAt.
func (g *gate) ReadAt(b []byte, offset int64) (int, error) {
	n, err := g.src.ReadAt(b, offset)
	at, goesOn := g.next[offset]
	if !goesOn {
		at = offset
	}
	delete(g.next, offset)
	end := offset + int64(n)
	for at < end {
		size, err := g.page(b[at-offset:n], at)
		if err != nil {
			return 0, fmt.Errorf("the page at byte %d: %w", at, err)
		}
		at += size
	}
	g.next[end] = at
	return n, err
}

// page is the size of the page at a place in the file, of which b are the first
// bytes that have been read.
func (g *gate) page(b []byte, at int64) (int64, error) {
	h, n, err := g.parse(b, at)
	if err != nil {
		return 0, err
	}
	// A level and an offset for each value.
	if held := int64(h.UncompressedPageSize) + 5*(valuesOf(h)+int64(h.DictionaryPageHeader.V.NumValues)); held > g.most {
		return 0, fmt.Errorf("it takes %d MB to decode, and %d MB is the limit: write smaller pages", held>>20, g.most>>20)
	}
	return n + int64(h.CompressedPageSize), nil
}

// parse reads the header of the page at a place, and refuses one that claims
// what cannot be. n is the header's own length.
func (g *gate) parse(b []byte, at int64) (h format.PageHeader, n int64, err error) {
	if b, err = g.header(b, at); err != nil {
		return h, 0, err
	}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), b, &h); err != nil {
		return h, 0, err
	}
	rows, words := valuesOf(h), int64(h.DictionaryPageHeader.V.NumValues)
	size, data := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	switch left := g.end - at - int64(len(b)); {
	case size < 0 || data < 0 || rows < 0 || words < 0:
		return h, 0, errors.New("its header claims negative sizes")
	case size > left:
		return h, 0, fmt.Errorf("its header claims %d bytes, and %d are left of its column", size, left)
	case rows > g.rows || words > data:
		return h, 0, fmt.Errorf("its header claims %d values, in a row group of %d", max(rows, words), g.rows)
	}
	return h, int64(len(b)), nil
}

// valuesOf is how many values a page of data has, its nulls among them.
func valuesOf(h format.PageHeader) int64 {
	return max(int64(h.DataPageHeader.V.NumValues), int64(h.DataPageHeaderV2.V.NumValues))
}

// header is the header at the start of b. If that is cut short, more is read.
func (g *gate) header(b []byte, at int64) ([]byte, error) {
	for ask := int64(1 << 10); ; ask *= 16 {
		n, ok := sound(b)
		if ok {
			return b[:n], nil
		}
		if int64(len(b)) >= min(g.end-at, maxPageHeader) {
			return nil, errors.New("its header is cut short or damaged")
		}
		var err error
		if b, err = g.src.read(at, min(ask, g.end-at)); err != nil {
			return nil, err
		}
	}
}

// index looks at the chunk's offset index before parquet-go does.
func (g *gate) index() error {
	n := int64(g.k.OffsetIndexLength)
	if n > maxIndex {
		return fmt.Errorf("its offset index claims %d bytes, and %d are read", n, maxIndex)
	}
	b, err := g.src.read(g.k.OffsetIndexOffset, n)
	if err != nil {
		return err
	}
	if _, ok := sound(b); !ok {
		return errors.New("its offset index is cut short or damaged")
	}
	return nil
}
