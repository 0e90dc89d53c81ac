package fetching

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"sluice/pipeline"
)

// decoded is the response's body without its Content-Encoding, and its length
// or -1. We ask for none; some send what they have stored compressed all the
// same. Only the encodings that servers apply unasked are undone, and only
// where the body begins like one: others say it of what is not encoded at all.
// What stays encoded is told by its first bytes later, as everything else is.
// The bytes that come are bounded like those that result.
func (f *Fetcher) decoded(resp *http.Response) (body io.Reader, length int64, err error) {
	encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if encoding != "gzip" && encoding != "x-gzip" && encoding != "deflate" {
		return resp.Body, resp.ContentLength, nil
	}
	if err := f.TooLarge(resp.ContentLength); err != nil {
		return nil, 0, err
	}
	wire := bufio.NewReader(&capped{resp.Body, f.opts.MaxBytes, f})
	head, err := wire.Peek(2)
	if err != nil && err != io.EOF { //nolint:errorlint // as in readBody
		return nil, 0, err
	}
	var undone io.Reader
	switch {
	case len(head) < 2:
		return wire, resp.ContentLength, nil
	case head[0] == 0x1f && head[1] == 0x8b:
		undone, err = gzip.NewReader(wire)
	case encoding == "deflate" && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0:
		undone, err = zlib.NewReader(wire)
	default:
		return wire, resp.ContentLength, nil
	}
	if err != nil {
		return nil, 0, damagedEncoding(err)
	}
	return decoding{undone}, -1, nil
}

// capped ends a body with an error where it is longer than is allowed.
type capped struct {
	io.Reader
	left int64
	f    *Fetcher
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, c.f.tooLarge(-1)
	}
	return n, err
}

// decoding says what is wrong with an encoding.
type decoding struct{ io.Reader }

func (d decoding) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // as in readBody
		err = damagedEncoding(err)
	}
	return n, err
}

// damagedEncoding tells bytes that decode to nothing from a body that ended
// early, or did not come.
func damagedEncoding(err error) error {
	for _, wrong := range []error{gzip.ErrHeader, gzip.ErrChecksum, zlib.ErrHeader, zlib.ErrChecksum, zlib.ErrDictionary} {
		if errors.Is(err, wrong) {
			return pipeline.Fail(pipeline.Corrupt, "its Content-Encoding is damaged: %s", oneLine(err.Error()))
		}
	}
	if isCorrupt(err) {
		return pipeline.Fail(pipeline.Corrupt, "its Content-Encoding is damaged: %s", oneLine(err.Error()))
	}
	return err
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}
