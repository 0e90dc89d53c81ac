package tables

import (
	"encoding/binary"
	"errors"
	"io"
)

// unsnappy reads a block of Snappy as a stream. Libraries decode a block whole,
// and with it a page of a thousand images. Of what came out it keeps the last
// bytes, for the copies that refer back to them.
// https://github.com/google/snappy/blob/main/format_description.txt
type unsnappy struct {
	r    byteReader
	left int64  // still to come out
	out  int64  // has come out
	ring []byte // the last of that: byte i is at i modulo its length

	literal int64 // of the current element, still to come out
	copied  int64 // the same
	offset  int64 // of the copy
}

type byteReader interface {
	io.Reader
	io.ByteReader
}

// snappyWindow is how far back a copy may refer. Snappy's own encoder, which is
// nearly everybody's, refers to 64 kB at most; klauspost's in Go to anything.
const snappyWindow = 1 << 20

var errSnappy = errors.New("its Snappy is damaged")

// newUnsnappy reads the block in r. window is used again if it is large enough.
func newUnsnappy(r byteReader, window []byte) (*unsnappy, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > 1<<32-1 {
		return nil, errSnappy
	}
	size := int(min(n, snappyWindow))
	if cap(window) < size {
		window = make([]byte, size)
	}
	return &unsnappy{r: r, left: int64(n), ring: window[:size]}, nil
}

// Read implements io.Reader.
func (u *unsnappy) Read(p []byte) (int, error) {
	if u.left == 0 {
		return 0, io.EOF
	}
	if u.literal == 0 && u.copied == 0 {
		if err := u.element(); err != nil {
			return 0, noEOF(err)
		}
	}
	if u.literal > 0 {
		n, err := u.r.Read(p[:min(int64(len(p)), u.literal)])
		u.literal -= int64(n)
		u.keep(p[:n])
		if n > 0 {
			err = nil
		}
		return n, noEOF(err)
	}
	// A copy may reach into what it makes: no further at once than its offset.
	from := (u.out - u.offset) % int64(len(u.ring))
	n := copy(p[:min(int64(len(p)), u.copied, u.offset)], u.ring[from:])
	u.copied -= int64(n)
	u.keep(p[:n])
	return n, nil
}

// keep notes what comes out.
func (u *unsnappy) keep(b []byte) {
	u.left -= int64(len(b))
	for len(b) > 0 {
		n := copy(u.ring[u.out%int64(len(u.ring)):], b)
		u.out += int64(n)
		b = b[n:]
	}
}

// element reads the tag of the next element.
func (u *unsnappy) element() error {
	tag, err := u.r.ReadByte()
	if err != nil {
		return err
	}
	n := int64(tag >> 2)
	switch tag & 3 {
	case 0:
		if n >= 60 {
			if n, err = u.number(int(n) - 59); err != nil {
				return err
			}
		}
		u.literal = n + 1
	case 1:
		low, err := u.number(1)
		if err != nil {
			return err
		}
		u.copied, u.offset = n&7+4, n>>3<<8|low
	case 2, 3:
		u.copied = n + 1
		if u.offset, err = u.number(2 * int(tag&3-1)); err != nil {
			return err
		}
	}
	switch {
	case u.literal > u.left || u.copied > u.left:
		return errSnappy
	case u.copied > 0 && (u.offset == 0 || u.offset > u.out):
		return errSnappy
	case u.copied > 0 && u.offset > int64(len(u.ring)):
		return errors.New("its Snappy refers back by more than 1 MB: write it with zstd, or without compression")
	}
	return nil
}

// number is a little-endian number of n bytes.
func (u *unsnappy) number(n int) (x int64, err error) {
	for i := range n {
		b, err := u.r.ReadByte()
		if err != nil {
			return 0, err
		}
		x |= int64(b) << (8 * i)
	}
	return x, nil
}

// noEOF is err where more was due. In the chain of another error, EOF is how a
// connection to the store ended.
func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // see above
		return io.ErrUnexpectedEOF
	}
	return err
}
