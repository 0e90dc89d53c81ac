package isolation

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sluice/pipeline"
)

// Both ways a frame is a length of 4 bytes, big endian, and so much JSON. The
// source goes by shared memory, the rendition follows its answer as raw bytes.

// maxFrame is more than any of the messages takes.
const maxFrame = 64 << 10

// hello is what a decoder says once it is ready.
type hello struct {
	// Unconfined is why there is no seccomp filter, "" if there is one.
	Unconfined string
}

// request is an image to render; its source is the first Source bytes of the
// shared memory.
type request struct {
	Source int
	Header pipeline.Header
	Target pipeline.Target
}

// answer is a rendition, whose bytes follow, or a failure.
type answer struct {
	Rendition pipeline.Rendition // without Bytes
	Bytes     int64
	Class     pipeline.Class
	Message   string
	// Broken is why the decoder is of no use any more, "" if it is.
	Broken string
}

var errFrame = errors.New("a frame of a wrong length")

// writeFrame writes v.
func writeFrame(w io.Writer, v any) error {
	return (&frameWriter{w: w}).write(v, nil)
}

// frameWriter writes frames from one buffer, as long as that is not large.
type frameWriter struct {
	w   io.Writer
	buf []byte
}

const keptFrame = 1 << 20

// write writes v, and body with it.
func (f *frameWriter) write(v any, body []byte) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(text) > maxFrame {
		return errFrame
	}
	out := binary.BigEndian.AppendUint32(f.buf[:0], uint32(len(text)))
	out = append(append(out, text...), body...)
	if f.buf = out; cap(out) > keptFrame {
		f.buf = nil
	}
	_, err = f.w.Write(out)
	return err
}

// readFrame reads into v what writeFrame wrote, but for the body.
func readFrame(r io.Reader, v any) error {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > maxFrame {
		return errFrame
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}
