package tables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"sluice/pipeline"
)

// object reads ranges of a stored file. It keeps two kinds of trouble apart:
// what the store reports is passed on as it is, for it may go away; what is
// wrong with the bytes is a *pipeline.FileError, for it will not.
type object struct {
	r    pipeline.ObjectReader
	key  string
	size int64
	tail []byte // the last bytes, read ahead
	// fault is what the store last reported to a reader that may have put it
	// into other words, or none.
	fault atomic.Pointer[error]
}

// tailSize is read at once from the end of a file: most footers are smaller,
// and then opening a file is one request.
const tailSize = 64 << 10

// openObject opens key and reads its last bytes, tail of them at most.
func openObject(ctx context.Context, store pipeline.Store, key string, tail int64) (*object, error) {
	r, err := store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	o := &object{r: r, key: key, size: r.Object().Size}
	if o.tail, err = o.read(max(0, o.size-tail), min(o.size, tail)); err != nil {
		_ = r.Close() // err says more
		return nil, err
	}
	return o, nil
}

// openInput is openObject for a file of the dataset, of which version is
// expected.
func openInput(ctx context.Context, dataset pipeline.Store, key, version string) (*object, error) {
	o, err := openObject(ctx, dataset, key, tailSize)
	if errors.Is(err, fs.ErrNotExist) {
		problem := "it was listed, and is gone"
		if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
			problem = "its name is no text, or holds a control character, by which no store finds it: rename it"
		}
		return nil, &pipeline.FileError{File: key, Problem: problem}
	}
	if err != nil {
		return nil, err
	}
	if is := o.r.Object().Version; is != version {
		_ = o.close()
		return nil, o.damaged("it changed after it was listed: its version was %s, and is %s", version, is)
	}
	return o, nil
}

func (o *object) close() error { return o.r.Close() }

// damaged is an error of the file itself.
func (o *object) damaged(format string, args ...any) error {
	return &pipeline.FileError{File: o.key, Problem: fmt.Sprintf(format, args...)}
}

// ReadAt implements io.ReaderAt for parquet-go.
func (o *object) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, o.damaged("it points to byte %d", offset) // no fault of the store
	}
	n := min(int64(len(b)), max(0, o.size-offset))
	var err error
	if t := offset - (o.size - int64(len(o.tail))); t >= 0 && t <= int64(len(o.tail)) {
		copy(b[:n], o.tail[t:])
	} else {
		err = o.readInto(b[:n], offset)
	}
	if err != nil {
		o.fault.Store(&err)
		return 0, err
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// guard calls into parquet-go. An error is the store's if the store reported
// one meanwhile, and the file's otherwise; so is a panic.
func (o *object) guard(call func() error) (err error) {
	o.fault.Store(nil)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading it panics: %v", r)
		}
		if err == nil {
			return
		}
		if fault := o.fault.Load(); fault != nil {
			err = *fault
			return
		}
		err = o.damaged("%s", strings.Join(strings.Fields(err.Error()), " "))
	}()
	return call()
}

// read is n bytes from offset. They may be shared and must not be changed.
func (o *object) read(offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > o.size-n {
		return nil, o.damaged("it points to bytes %d to %d of its %d", offset, offset+n, o.size)
	}
	if t := offset - (o.size - int64(len(o.tail))); t >= 0 {
		return o.tail[t : t+n : t+n], nil
	}
	b := make([]byte, n)
	return b, o.readInto(b, offset)
}

// readInto fills b from the store.
func (o *object) readInto(b []byte, offset int64) error {
	switch got, err := o.r.ReadAt(b, offset); {
	case got == len(b):
		return nil
	case err == io.EOF: //nolint:errorlint // in the chain of another error it is how a connection ended
		return o.damaged("it ends after %d bytes, and had %d when it was opened", offset+int64(got), o.size)
	case err == nil:
		return fmt.Errorf("%s: %w", o.key, io.ErrNoProgress)
	default:
		return err
	}
}
