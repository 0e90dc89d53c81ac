package tables

import (
	"bufio"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// section reads a column chunk forwards, chunkBuffer at a time.
type section struct {
	*bufio.Reader
	file *io.SectionReader
}

// chunkBuffer is as much as a bucket sends in about the time that it takes to
// answer at all.
const chunkBuffer = 512 << 10

func newSection(o *object, end int64) *section {
	file := io.NewSectionReader(o, 0, end)
	return &section{bufio.NewReaderSize(file, chunkBuffer), file}
}

// to goes to a byte of the file, and does not read what it passes over.
func (s *section) to(at int64) error {
	end, _ := s.file.Seek(0, io.SeekCurrent) // cannot fail
	if ahead := at - (end - int64(s.Buffered())); ahead >= 0 && ahead <= int64(s.Buffered()) {
		_, err := s.Discard(int(ahead))
		return err
	}
	_, err := s.file.Seek(at, io.SeekStart)
	s.Reset(s.file)
	return err
}

// stream is the bytes of a page, unpacked as they are read.
type stream struct {
	r    *bufio.Reader
	left int64 // that are still to come, by the page's header
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (s *stream) ReadByte() (byte, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	s.left--
	return s.r.ReadByte()
}

// pass passes over n bytes.
func (s *stream) pass(n int64) error {
	if n > s.left {
		return io.ErrUnexpectedEOF
	}
	_, err := io.CopyN(io.Discard, s, n)
	return noEOF(err)
}

// length reads a length of four bytes, of what follows it.
func (s *stream) length() (n int64, err error) {
	b := bitReader{r: s}
	x, err := b.take(32)
	if err == nil && int64(x) > s.left {
		err = fmt.Errorf("a value claims %d bytes, and %d are left of its page", x, s.left)
	}
	return int64(x), err
}

// maxHeld bounds what is read of a page to be held: its levels, a dictionary.
const maxHeld = 1 << 20

// bytes reads n bytes, to be held.
func (s *stream) bytes(n int64) ([]byte, error) {
	if n < 0 || n > min(s.left, maxHeld) {
		return nil, fmt.Errorf("its levels claim %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(s, b)
	return b, noEOF(err)
}

// unpacker makes streams of pages, one at a time. What a stream holds is used
// again for the next one.
type unpacker struct {
	codec  format.CompressionCodec
	window []byte // of unsnappy
	zstd   *zstd.Decoder
	small  *bufio.Reader
}

// maxZstdWindow is what decoders have to support at least, by RFC 8878; zstd's
// levels up to 19 need no more.
const maxZstdWindow = 8 << 20

// open unpacks size bytes of s, into unpacked bytes.
func (u *unpacker) open(s *section, size, unpacked int64, packed bool) (*stream, error) {
	raw := &limited{s, size}
	var body io.Reader = raw
	var err error
	switch {
	case !packed || u.codec == format.Uncompressed:
	case size == 0 && unpacked == 0: // a page of nulls
	case u.codec == format.Snappy:
		var us *unsnappy
		if us, err = newUnsnappy(raw, u.window); err == nil {
			u.window, body = us.ring, us
		}
	case u.codec == format.Gzip:
		body, err = gzip.NewReader(raw)
	case u.codec == format.Brotli:
		body = brotli.NewReader(raw)
	case u.codec == format.Zstd:
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		} else {
			err = u.zstd.Reset(raw)
		}
		body = u.zstd
	default:
		err = fmt.Errorf("it is compressed with %s, which is not supported", u.codec)
	}
	if err != nil {
		return nil, noEOF(err)
	}
	if u.small == nil {
		u.small = bufio.NewReaderSize(nil, 4<<10)
	}
	u.small.Reset(body)
	return &stream{u.small, unpacked}, nil
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// limited is the next bytes of a section.
type limited struct {
	s    *section
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n, err := l.s.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (l *limited) ReadByte() (byte, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	l.left--
	return l.s.ReadByte()
}
