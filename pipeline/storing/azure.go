package storing

import (
	"context"
	"io"

	"gocloud.dev/blob"
)

// newWriter begins an object. Once ctx is cancelled, Close stores nothing.
func (s *Store) newWriter(ctx context.Context, key string, opts *blob.WriterOptions) (io.WriteCloser, error) {
	if s.at.Scheme == "azblob" {
		return s.azureWriter(ctx, key, opts), nil
	}
	return s.bucket.NewWriter(ctx, key, opts)
}

// azureWriter takes the way round azureblob's own writer, of which Close reads a
// field that a failing upload sets to nil at the same time (v0.47.0): it panics.
func (s *Store) azureWriter(ctx context.Context, key string, opts *blob.WriterOptions) io.WriteCloser {
	r, w := io.Pipe()
	u := &azureUpload{PipeWriter: w, done: make(chan error, 1)}
	go func() {
		err := s.bucket.Upload(ctx, key, r, opts)
		_ = r.CloseWithError(err)
		u.done <- err
	}()
	return u
}

type azureUpload struct {
	*io.PipeWriter
	done chan error
}

func (u *azureUpload) Close() error {
	_ = u.PipeWriter.Close()
	return <-u.done
}
