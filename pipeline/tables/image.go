package tables

import (
	"bytes"
	"context"
	"errors"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// images is where a column holds images themselves: their bytes, and beside
// these, in a struct, what they were called or where they are instead.
type images struct {
	bytes column
	path  *column // nil in a column of plain bytes
}

// images is how the column can hold images themselves, nil if it cannot: it is
// of bytes about which nothing is declared, or the struct of bytes and path that
// Hugging Face writes, in any order and with whatever other fields.
func (c column) images() *images {
	plain := func(c column) bool { return c.scalar && c.kind() == parquet.ByteArray && plainBytes(c.element) }
	if plain(c) {
		return &images{bytes: c}
	}
	var im images
	found := false
	for i, f := range c.fields {
		switch {
		case f.name == "bytes" && plain(f):
			im.bytes, found = f, true
		case f.name == "path" && f.source():
			im.path = &c.fields[i]
		}
	}
	if !found || im.path == nil {
		return nil
	}
	return &im
}

// sourceKinds are what a column of sources holds, for messages.
const sourceKinds = "sources are strings, image bytes, or a struct of bytes and path"

// longestSource is the longest text that is taken for a URL or key, in bytes:
// what servers accept of one.
const longestSource = 8 << 10

// isText tells, of a value in a column of plain bytes, the URLs and keys of
// older writers, which did not declare text to be text, from images. It is an
// image if it begins like one that could pass for text, GIF or WebP: those of
// all other formats that are decoded have bytes at their start that text has
// not. And it is an image if it is no text that could be a source: nothing at
// all, not UTF-8, longer than any URL, with control characters in it (space
// around it is let pass), or markup, which was stored where an image was
// expected, and which a decoder has a better word for than that no such key is
// there.
func isText(b []byte) bool {
	if len(b) == 0 || len(b) > longestSource || !utf8.Valid(b) {
		return false
	}
	for _, magic := range []string{"GIF87a", "GIF89a"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return false
		}
	}
	if len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" {
		return false
	}
	b = bytes.TrimSpace(b)
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return len(b) > 0 && b[0] != '<' && !bytes.ContainsFunc(b, control)
}

// maxAhead is the largest image that is read together with others, of which
// batchBytes are held before they are admitted. A larger one is read only once
// somebody has room for it.
const maxAhead = 512 << 10

// imageReader reads the images of a table.
type imageReader struct {
	table *table
	blobs *blobs
	at    int64 // how many have been gone to
}

func (t *table) newImageReader() *imageReader {
	if t.images == nil {
		return nil
	}
	return &imageReader{table: t, blobs: newBlobs(t.src, t.footer, t.images.bytes)}
}

func (r *imageReader) close() {
	if r != nil {
		r.blobs.close()
	}
}

// into puts the image of a row into it, if it has one. The size is what the row
// then holds beyond Row.Size; alone is whether it is a large one, that is still
// in the file, and can be read until the reader goes to another row.
func (r *imageReader) into(row *pipeline.Row) (size int, alone bool, err error) {
	if r == nil {
		return 0, false, nil
	}
	r.at++
	n, err := r.blobs.at(row.Number)
	switch {
	case err != nil || n == null:
		return 0, false, err
	case n > maxAhead:
		row.Image = &distant{reader: r, at: r.at, size: n}
		return 0, true, nil
	}
	b, err := r.blobs.read(n)
	if err != nil {
		return 0, false, err
	}
	if r.table.images.path == nil && isText(b) {
		setSource(row, b)
		return 0, false, nil
	}
	row.Image = near(b)
	return int(n), false, nil
}

// near is an image that has been read.
type near []byte

// Size implements pipeline.Image.
func (n near) Size() int64 { return int64(len(n)) }

// Read implements pipeline.Image.
func (n near) Read(context.Context) ([]byte, error) { return n, nil }

// distant is an image that is still in the file.
type distant struct {
	reader *imageReader
	at     int64
	size   int64
}

// Size implements pipeline.Image.
func (d *distant) Size() int64 { return d.size }

// Read implements pipeline.Image. The file's version is compared once more.
func (d *distant) Read(ctx context.Context) ([]byte, error) {
	r := d.reader
	if r.at != d.at {
		return nil, errors.New("an image is read after its row: this is a defect of sluice")
	}
	b, err := r.blobs.read(d.size)
	if err != nil {
		return nil, r.table.explain(ctx, err)
	}
	return b, r.table.unchanged(ctx)
}
