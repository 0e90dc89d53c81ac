package storing

import (
	"context"
	"io"
	"iter"
	"strings"

	"gocloud.dev/blob"

	"sluice/pipeline"
)

// List yields the objects whose keys begin with prefix, in the order of their
// keys. Markers of folders, whose keys end in a slash, are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[pipeline.Object, error] {
	if s.folder() {
		return s.listFolder(ctx, prefix)
	}
	return func(yield func(pipeline.Object, error) bool) {
		it := s.bucket.List(&blob.ListOptions{Prefix: s.prefix + prefix})
		w := s.watch(ctx)
		defer w.end(nil)
		for {
			var o *blob.ListObject
			err := w.call(0, func() (err error) {
				o, err = it.Next(w.ctx)
				return err
			})
			// The bare word only: in the chain of another error it is a connection
			// that ended in place of an answer.
			if err == io.EOF { //nolint:errorlint // see above
				return
			}
			if err != nil {
				yield(pipeline.Object{}, s.fault(w.ctx, "list", prefix, err)) //nolint:contextcheck // w.ctx is of ctx
				return
			}
			if strings.HasSuffix(o.Key, "/") {
				continue
			}
			if !yield(pipeline.Object{
				Key:     strings.TrimPrefix(o.Key, s.prefix),
				Size:    o.Size,
				Version: version(o, o.Size, o.ModTime),
				ModTime: o.ModTime,
			}, nil) {
				return
			}
		}
	}
}
