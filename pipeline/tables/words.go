package tables

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
)

// words is the dictionary of a chunk of blobs. One of URLs is held. One of
// images is read as they come: writers put the words in the order in which they
// first occur, so that they are read once, from first to last. For an image that
// occurs again it is read again from its start.
type words struct {
	chunk  *streamed
	header format.PageHeader
	body   int64 // where it is in the file

	held   []byte // all of them, or nil
	starts []uint32

	section *section
	unpack  unpacker
	stream  *stream
	next    int64 // the word that comes next in stream
}

// maxWords is the largest dictionary that is held, in bytes: as much as most
// writers let one grow.
const maxWords = maxHeld

func newWords(s *streamed) (*words, error) {
	w := &words{chunk: s, section: newSection(s.src, s.gate.end)}
	w.unpack.codec = s.unpack.codec
	at := firstPage(s.meta)
	var err error
	if w.header, err = s.header(w.section, at); err != nil {
		return nil, err
	}
	if w.header.Type != format.DictionaryPage {
		return nil, errors.New("it has no dictionary")
	}
	end, _ := w.section.file.Seek(0, io.SeekCurrent) // cannot fail
	w.body = end - int64(w.section.Buffered())
	if w.header.UncompressedPageSize > maxWords {
		return w, w.restart()
	}
	return w, w.hold()
}

// restart goes back to the first word.
func (w *words) restart() (err error) {
	if err = w.section.to(w.body); err != nil {
		return err
	}
	w.stream, err = w.unpack.open(w.section, int64(w.header.CompressedPageSize), int64(w.header.UncompressedPageSize), true)
	w.next = 0
	return err
}

// hold reads all words.
func (w *words) hold() error {
	if err := w.restart(); err != nil {
		return err
	}
	var err error
	if w.held, err = w.stream.bytes(w.stream.left); err != nil {
		return err
	}
	held := &stream{bufio.NewReader(bytes.NewReader(w.held)), int64(len(w.held))}
	for range w.header.DictionaryPageHeader.V.NumValues {
		w.starts = append(w.starts, uint32(int64(len(w.held))-held.left))
		n, err := held.length()
		if err != nil {
			return err
		}
		if err := held.pass(n); err != nil {
			return err
		}
	}
	w.unpack.close()
	w.section, w.unpack, w.stream = nil, unpacker{}, nil
	return nil
}

// at goes to a word, and tells how long it is.
func (w *words) at(number int64) (*stream, int64, error) {
	if n := int64(w.header.DictionaryPageHeader.V.NumValues); number >= n {
		return nil, 0, fmt.Errorf("it refers to word %d of %d", number, n)
	}
	if w.held != nil {
		b := w.held[w.starts[number]:]
		s := &stream{bufio.NewReaderSize(bytes.NewReader(b), 16), int64(len(b))}
		n, err := s.length()
		return s, n, err
	}
	if number < w.next {
		if err := w.restart(); err != nil {
			return nil, 0, err
		}
	}
	for ; ; w.next++ {
		n, err := w.stream.length()
		if err != nil {
			return nil, 0, err
		}
		if w.next == number {
			w.next++
			return w.stream, n, nil
		}
		if err := w.stream.pass(n); err != nil {
			return nil, 0, err
		}
	}
}
