package storing

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"sync"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob" // gs://
	"gocloud.dev/blob/memblob"

	"sluice/pipeline"
	"sluice/pipeline/location"
)

// Options are optional; nil is all defaults.
type Options struct {
	// Create makes the folder of a file URL if it is missing. Buckets are never
	// made: their names, regions and costs are their owner's.
	Create bool
}

// Open opens the store at a URL, or at a path of the file system. The query of
// the URL goes to gocloud's opener of its scheme (region, endpoint,
// use_path_style, ...), and credentials come from the environment, as the SDK
// of the scheme reads it. No request is made: a bucket that does not exist is
// found out by the first use.
func Open(ctx context.Context, rawURL string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	at, err := location.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	s := &Store{at: at, url: at.String(), close: func() {}}
	if !s.folder() {
		s.stallLimit = stallLimit
	}
	if at.Path != "" && !s.folder() {
		s.prefix = at.Path + "/"
	}
	switch at.Scheme {
	case "file":
		err = s.openFolder(opts.Create)
	case "mem":
		s.bucket = shared(at.Bucket)
	case "s3":
		err = s.openS3(ctx)
	default:
		s.bucket, err = openURL(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openURL lets gocloud open the whole bucket. The prefix is kept here, not by
// gocloud's own wrapper, which would close the bucket that mem:// shares.
func openURL(ctx context.Context, at location.Location) (*blob.Bucket, error) {
	u := &url.URL{Scheme: at.Scheme, Host: at.Bucket, RawQuery: at.Query.Encode()}
	bucket, err := blob.DefaultURLMux().OpenBucketURL(ctx, u)
	if err != nil {
		return nil, pipeline.Usagef("%s cannot be opened: %s", at, reason(err))
	}
	return bucket, nil
}

// sidecar ends the names of the files in which fileblob keeps what a file
// system has no place for. None is written, and keys that end so are refused.
const sidecar = ".attrs"

func (s *Store) openFolder(create bool) error {
	if len(s.at.Query) > 0 {
		return pipeline.Usagef("%s takes no parameters, and has ?%s", s.url, s.at.Query.Encode())
	}
	if create {
		if err := s.Make(); err != nil {
			return err
		}
	}
	bucket, err := fileblob.OpenBucket(s.at.Path, &fileblob.Options{
		// Beside the target, since a rename from another device fails. What a
		// killed worker leaves behind of these, listings pass over.
		NoTempDir: true,
		Metadata:  fileblob.MetadataDontWrite,
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pipeline.Usagef("%s does not exist on the worker's machine: make it, or mount it there", s.url)
	case err != nil:
		if info, statErr := os.Stat(s.at.Path); statErr == nil && !info.IsDir() {
			return pipeline.Usagef("%s is a file, not a folder: name the folder that it is in", s.url)
		}
		return pipeline.Usagef("%s cannot be opened on the worker's machine: %s", s.url, reason(err))
	}
	s.bucket = bucket
	return nil
}

// Make makes the folder of a file URL, if it is missing. A bucket is left to its
// owner.
func (s *Store) Make() error {
	if !s.folder() {
		return nil
	}
	if err := os.MkdirAll(s.at.Path, 0o777); err != nil {
		return pipeline.Usagef("%s cannot be written: it cannot be made a folder on the worker's machine (%s); name another place", s.url, reason(err))
	}
	return nil
}

// memory holds the buckets of mem://, by name, for the whole process: what one
// opens as mem://x and fills, another finds under the same URL.
var memory = struct {
	sync.Mutex
	buckets map[string]*blob.Bucket
}{buckets: map[string]*blob.Bucket{}}

func shared(name string) *blob.Bucket {
	memory.Lock()
	defer memory.Unlock()
	b := memory.buckets[name]
	if b == nil {
		// The MD5 of each object would only be thrown away.
		b = memblob.OpenBucket(&memblob.Options{NoMD5: true})
		memory.buckets[name] = b
	}
	return b
}
