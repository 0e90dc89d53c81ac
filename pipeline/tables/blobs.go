package tables

import (
	"bytes"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// blobs reads the values of a column of bytes, one a row, in rising order, as
// reader does. It knows a value's length before it reads it, and holds no page:
// where images are in the file itself, a page is a row group of them, and has a
// hundred megabytes or more, which parquet-go reads whole. What is held is
// chunkBuffer and what is unpacked of a page so far, snappyWindow at most (or
// maxZstdWindow), and a dictionary of maxWords.
type blobs struct {
	src    *object
	footer *footer
	column column

	group rowGroup // the one that is open
	chunk chunk
}

// chunk is a column chunk of blobs. at goes to a row, which is not before the
// last one, and tells how long its value is, or null; Read reads the value.
type chunk interface {
	at(row int64) (int64, error)
	io.Reader
	close()
}

// null is the length of none.
const null = -1

func newBlobs(src *object, f *footer, c column) *blobs {
	return &blobs{src: src, footer: f, column: c}
}

// at is how long the value of a row is, or null. Its errors are as cursor's.
func (b *blobs) at(row int64) (int64, error) {
	if row < b.group.first || row >= b.group.end() {
		b.close()
		g, ok := b.footer.groupOf(row)
		if !ok {
			return 0, b.src.damaged("it has no row %d", row)
		}
		b.group = g
		b.chunk = b.open(g)
	}
	return b.chunk.at(row - b.group.first)
}

// open opens the column's chunk in a row group. One with values that are made
// of those before them is not read as a stream.
func (b *blobs) open(g rowGroup) chunk {
	if slices.Contains(b.footer.chunk(g, b.column).MetaData.Encoding, format.DeltaByteArray) {
		c := newCursor(b.src, b.footer, g, b.column)
		c.gate.most = maxHeldPage
		return &heldChunk{cursor: c}
	}
	return newStreamed(b.src, b.footer, g, b.column)
}

// read reads the value that at has gone to.
func (b *blobs) read(n int64) ([]byte, error) {
	v := make([]byte, n)
	_, err := io.ReadFull(b.chunk, v)
	return v, err
}

func (b *blobs) close() {
	if b.chunk != nil {
		b.chunk.close()
	}
	b.chunk, b.group = nil, rowGroup{}
}

// maxHeldPage bounds the pages of a heldChunk.
const maxHeldPage = 8 << 20

// heldChunk is a chunk of which whole pages are held.
type heldChunk struct {
	*cursor
	value bytes.Reader
}

func (h *heldChunk) at(row int64) (int64, error) {
	v, err := h.cursor.at(row)
	if err != nil || v.IsNull() {
		return null, err
	}
	h.value.Reset(v.ByteArray())
	return h.value.Size(), nil
}

func (h *heldChunk) Read(p []byte) (int, error) { return h.value.Read(p) }
