// Package storing keeps objects in folders and buckets: it implements
// pipeline.Store over gocloud, whose only user it is.
//
// What gocloud leaves to its callers is done here: an object appears whole or
// not at all, whatever fails meanwhile; a version is the same in a listing and
// on its own; a missing object is told from a store that is out of reach; an
// error is one line.
package storing

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gocloud.dev/blob"

	"sluice/internal/failpoint"
	"sluice/pipeline"
	"sluice/pipeline/location"
)

// Store is a folder or a bucket, or a prefix of one. It is safe for concurrent
// use.
type Store struct {
	at     location.Location
	url    string
	bucket *blob.Bucket
	prefix string // of every key in the bucket: "" or ends in a slash
	// beforeWrite sets what the driver's URL cannot; nil if there is nothing.
	beforeWrite func(as func(any) bool) error
	stallLimit  time.Duration // 0: none
	close       func()
}

var _ pipeline.Store = (*Store)(nil)

// URL is scheme://bucket/prefix, without query and credentials.
func (s *Store) URL() string { return s.url }

// Close lets go of idle connections. What was read or written before is not
// touched, and objects of mem:// stay for whoever opens the bucket again.
func (s *Store) Close() error {
	s.close()
	return nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (pipeline.Object, error) {
	if !s.usable(key) {
		return pipeline.Object{}, s.missing(key)
	}
	w := s.watch(ctx)
	defer w.end(nil)
	var a *blob.Attributes
	err := w.call(0, func() (err error) {
		a, err = s.bucket.Attributes(w.ctx, s.prefix+key)
		return err
	})
	if err != nil {
		return pipeline.Object{}, s.readFault(w.ctx, "stat", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	// A pipe or a device in a folder is no object; to open one might block for good.
	var file os.FileInfo
	if a.As(&file) && !file.Mode().IsRegular() {
		return pipeline.Object{}, s.missing(key)
	}
	return pipeline.Object{Key: key, Size: a.Size, Version: version(a, a.Size, a.ModTime), ModTime: a.ModTime}, nil
}

// Delete removes an object. A missing one is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	if !s.usable(key) {
		return nil
	}
	w := s.watch(ctx)
	defer w.end(nil)
	if err := failpoint.Before(failpoint.Delete, key); err != nil {
		return s.fault(w.ctx, "delete", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	err := w.call(0, func() error { return s.bucket.Delete(w.ctx, s.prefix+key) })
	if err != nil && !isMissing(err) {
		return s.fault(w.ctx, "delete", key, err) //nolint:contextcheck // w.ctx is of ctx
	}
	if err := failpoint.After(failpoint.Delete, key); err != nil {
		return s.fault(ctx, "delete", key, err)
	}
	return nil
}

// usable reports whether an object can have this key in every store. Those that
// cannot are not there to be read, and are refused when written: relative
// segments, which a file system would resolve and a bucket would not; a slash
// at the end, which marks a folder; what is no text, or longer than S3 takes.
func (s *Store) usable(key string) bool {
	const longest = 1024 // bytes, on S3 and GCS
	switch {
	case key == "", len(s.prefix)+len(key) > longest, !utf8.ValidString(key):
		return false
	case strings.HasSuffix(key, "/"):
		return false
	case s.folder() && strings.HasSuffix(key, sidecar):
		return false
	}
	return !slices.ContainsFunc(strings.Split(key, "/"), func(segment string) bool {
		return segment == "." || segment == ".."
	})
}

// folder is whether the store is one of a file system.
func (s *Store) folder() bool { return s.at.Scheme == "file" }
