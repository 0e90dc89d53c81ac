package storing

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"sluice/internal/failpoint"
	"sluice/pipeline"
)

// Write stores body under key, whole or not at all.
func (s *Store) Write(ctx context.Context, key string, body []byte, opts *pipeline.WriteOptions) error {
	return s.put(ctx, key, opts, int64(len(body)), func(w *sink) error {
		if _, err := w.Write(body); err != nil {
			return err
		}
		w.digest = func() []byte { d := sha256.Sum256(body); return d[:] }
		return nil
	})
}

// Stream stores what fill writes under key, whole or not at all.
func (s *Store) Stream(ctx context.Context, key string, fill func(io.Writer) error, opts *pipeline.WriteOptions) error {
	return s.put(ctx, key, opts, unknown, func(w *sink) error {
		w.hash = sha256.New()
		w.digest = func() []byte { return w.hash.Sum(nil) }
		return fill(w)
	})
}

// unknown is a size that only the end will tell.
const unknown = -1

func (s *Store) put(ctx context.Context, key string, opts *pipeline.WriteOptions, size int64, fill func(*sink) error) error {
	if opts == nil {
		opts = &pipeline.WriteOptions{}
	}
	if !s.usable(key) {
		return &storeError{line: fmt.Sprintf("%s: no object can be named %q", s.url, key)}
	}
	if s.folder() {
		// fileblob would make it again, in the place of one that was unmounted.
		if _, gone := os.Stat(s.at.Path); gone != nil {
			return s.fault(ctx, "write", key, gone)
		}
	}
	writing := s.watch(ctx)
	defer writing.end(nil)
	o := s.writerOptions(opts, size)
	if opts.IfVersion != "" {
		o.BeforeWrite = s.ifVersion(writing.ctx, key, opts.IfVersion) //nolint:contextcheck // w.ctx is of ctx
	}
	var w io.WriteCloser
	err := writing.call(0, func() (err error) {
		w, err = s.newWriter(writing.ctx, s.prefix+key, o)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if err != nil {
		return s.fault(writing.ctx, "write", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	closed := false
	defer func() {
		if closed {
			return
		}
		// In this order, after a failure and after a panic of fill: Close alone
		// would store what was written so far.
		writing.end(nil)
		_ = w.Close()
	}()
	out := &sink{w: w, watch: writing, fault: func(err error) error { return s.fault(writing.ctx, "write", key, err) }}
	if err := fill(out); err != nil {
		return err
	}
	if out.err != nil {
		return out.err
	}
	if err := ctx.Err(); err != nil {
		return s.fault(ctx, "write", key, err)
	}
	if err := failpoint.Before(failpoint.Write, key); err != nil {
		return s.fault(ctx, "write", key, err)
	}
	if opts.IfVersion != "" {
		if err := s.compare(ctx, key, opts.IfVersion); err != nil {
			return err
		}
	}
	closed = true
	if err := writing.call(out.pending(), w.Close); err != nil {
		return s.settle(writing.ctx, key, opts, out, err) //nolint:contextcheck // w.ctx is of ctx
	}
	if err := failpoint.After(failpoint.Write, key); err != nil {
		return s.fault(ctx, "write", key, err)
	}
	return nil
}

// settle finds out what became of a write whose end failed. The store may have
// got it all and the answer been lost, so what counts is what is there now.
func (s *Store) settle(ctx context.Context, key string, opts *pipeline.WriteOptions, wrote *sink, err error) error {
	switch code := gcerrors.Code(err); {
	case opts.IfVersion != "" && (code == gcerrors.FailedPrecondition || code == gcerrors.NotFound):
		return s.moved(key)
	case code == gcerrors.FailedPrecondition, code == gcerrors.AlreadyExists:
		return s.exists(key)
	case code == gcerrors.PermissionDenied, code == gcerrors.NotFound:
		return s.fault(ctx, "write", key, err)
	}
	failed := s.fault(ctx, "write", key, err)
	if ctx.Err() != nil {
		return failed
	}
	there, same := s.holds(ctx, key, wrote)
	switch {
	case same:
		return nil
	case there && opts.IfAbsent:
		// S3 answers two conditional writes at once with 409 to one of them.
		return s.exists(key)
	}
	return failed
}

// holds reports whether there is an object under key, and whether it is what
// was written. One that cannot be read back counts as none.
func (s *Store) holds(ctx context.Context, key string, wrote *sink) (there, same bool) {
	o, err := s.Stat(ctx, key)
	if err != nil {
		return false, false
	}
	if o.Size != wrote.size {
		return true, false
	}
	w := s.watch(ctx)
	defer w.end(nil)
	var r *blob.Reader
	err = w.call(0, func() (err error) {
		r, err = s.bucket.NewReader(w.ctx, s.prefix+key, nil)
		return err
	})
	if err != nil {
		return true, false
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, w.reader(r)); err != nil {
		return true, false
	}
	return true, string(h.Sum(nil)) == string(wrote.digest())
}

func (s *Store) writerOptions(opts *pipeline.WriteOptions, size int64) *blob.WriterOptions {
	// GCS and Azure buffer a chunk of each object in flight, by default 16 MB
	// and 8 MB, even for a thumbnail of 20 kB.
	const least, most = 256 << 10, 8 << 20
	chunk := int64(most)
	if size != unknown {
		chunk = min(max(size+1, least), most)
	}
	o := &blob.WriterOptions{
		ContentType:    opts.ContentType,
		IfNotExist:     opts.IfAbsent,
		BufferSize:     int(chunk),
		MaxConcurrency: partsInFlight,
		BeforeWrite:    s.beforeWrite,
	}
	if o.ContentType == "" {
		// Else gocloud holds the first bytes back to guess from them.
		o.ContentType = "application/octet-stream"
	}
	return o
}

// pending is how much of what was written may still have to be sent, at most.
func (k *sink) pending() int64 { return min(k.size, mostPending) }

// mostPending is what an upload holds in flight: parts, or a chunk.
const mostPending = 2 * partsInFlight * partS3

// sink counts and digests what is written, and remembers the store's error
// even if the one who writes does not.
type sink struct {
	w      io.Writer
	watch  *watch
	fault  func(error) error
	size   int64
	hash   hash.Hash // nil if the digest can be had otherwise
	digest func() []byte
	err    error
}

func (k *sink) Write(p []byte) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	var n int
	err := k.watch.call(min(k.size+int64(len(p)), mostPending), func() (err error) {
		n, err = k.w.Write(p)
		return err
	})
	k.size += int64(n)
	if k.hash != nil {
		k.hash.Write(p[:n])
	}
	if err != nil {
		k.err = k.fault(err)
	}
	return n, k.err
}
