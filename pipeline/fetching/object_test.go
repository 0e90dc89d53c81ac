package fetching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"sluice/pipeline"
)

func TestObjectsOfTheDataset(t *testing.T) {
	f := newFetcher(t, Options{MaxBytes: 100})
	d := dataset{objects: map[string]string{"images/a b.jpg": "image", "none": "", "large": strings.Repeat("x", 101), "largest": strings.Repeat("x", 100)}}
	for key, class := range map[string]pipeline.Class{
		"./images/a b.jpg": "",
		"largest":          "",
		"large":            pipeline.TooLarge,
		"none":             pipeline.Empty,
		"images/b.jpg":     pipeline.NotFound,
		"../images/a.jpg":  pipeline.Blocked,
	} {
		body, err := f.Fetch(t.Context(), d, key, newGrant(t, 1<<20))
		if class != "" {
			wantClass(t, err, class)
			continue
		}
		if err != nil || string(body.Bytes) != d.objects[strings.TrimPrefix(key, "./")] || body.HTTPStatus != 0 {
			t.Errorf("%q: %q with status %d, %v", key, body.Bytes, body.HTTPStatus, err)
			continue
		}
		body.Free()
	}
}

// brokenStore opens objects that cannot be read to their end.
type brokenStore struct {
	dataset
	openErr, readErr error
}

func (b brokenStore) Open(context.Context, string) (pipeline.ObjectReader, error) {
	return brokenObject{b.readErr}, b.openErr
}

type brokenObject struct{ err error }

func (o brokenObject) Object() pipeline.Object               { return pipeline.Object{Size: 10} }
func (o brokenObject) Close() error                          { return nil }
func (o brokenObject) ReadAt(p []byte, _ int64) (int, error) { return copy(p, "half"), o.err }

func TestAFaultOfTheStoreIsNoRowsError(t *testing.T) {
	f := newFetcher(t, Options{})
	down := errors.New("s3://bucket: 503")
	for name, store := range map[string]brokenStore{
		"when it opens": {openErr: down}, "when it reads": {readErr: down},
	} {
		_, err := f.Fetch(t.Context(), store, "k", newGrant(t, 1<<20))
		if _, isRow := pipeline.AsRowError(err); isRow || !errors.Is(err, down) {
			t.Errorf("%s: %v, want the store's own error", name, err)
		}
	}
	_, err := f.Fetch(t.Context(), brokenStore{readErr: fs.ErrNotExist}, "k", newGrant(t, 1<<20))
	wantClass(t, err, pipeline.NotFound)
	_, err = f.Fetch(t.Context(), brokenStore{readErr: io.ErrUnexpectedEOF}, "k", newGrant(t, 1<<20))
	if _, isRow := pipeline.AsRowError(err); isRow || err == nil {
		t.Errorf("an object that was cut: %v, want an error of the store", err)
	}
}

// hangingStore does not come to an end.
type hangingStore struct{ dataset }

func (hangingStore) Open(ctx context.Context, _ string) (pipeline.ObjectReader, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAStoreThatHangsIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Options{})
		_, err := f.Fetch(t.Context(), hangingStore{}, "k", newGrant(t, 1<<20))
		if _, isRow := pipeline.AsRowError(err); isRow || err == nil || !strings.Contains(err.Error(), "not done after 2m0s") {
			t.Errorf("%v, want an error of the store that names the limit", err)
		}
	})
}

func TestSourcesThatTheOperatorAllows(t *testing.T) {
	objects := map[string]string{"a b.jpg": "image", "100%.jpg": "image", "d/c#1?.jpg": "image"}
	var opened []string
	broken := true
	f := newFetcher(t, Options{
		AllowSources: []string{"s3://bucket/my images/?region=x", "file:///data/é", "gs://whole"},
		Open: func(_ context.Context, url string) (pipeline.Store, error) {
			if broken {
				return nil, errors.New("not yet")
			}
			opened = append(opened, url)
			return dataset{objects: objects}, nil
		},
	})
	if _, err := fetch(t, f, "gs://whole/a b.jpg"); err == nil || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("%v, want the error of opening", err)
	}
	broken = false
	for _, source := range []string{
		"s3://bucket/my images/a b.jpg", "s3://bucket/my images/100%.jpg", "s3://bucket/my images/d/c#1?.jpg",
		"file:///data/%C3%A9/a%20b.jpg", "/data/é/a b.jpg", "gs://whole/a b.jpg", "gs://whole/d/c#1?.jpg",
	} {
		body, err := fetch(t, f, source)
		if err != nil || !bytes.Equal(body.Bytes, []byte("image")) {
			t.Errorf("%s: %q, %v", source, body.Bytes, err)
		}
	}
	if len(opened) != 3 {
		t.Errorf("opened %q, want each once", opened)
	}
	for _, source := range []string{
		"s3://bucket/my images", "s3://bucket/my images2/a b.jpg", "s3://bucket/a b.jpg", "s3://other/my images/a b.jpg",
		"s3://bucket/my images/../a b.jpg", "file:///data/%C3%A9/%2e%2e/a b.jpg", "file:///data/a b.jpg", "/data/a b.jpg", "gs://wholesale/a b.jpg",
	} {
		_, err := fetch(t, f, source)
		wantClass(t, err, pipeline.Blocked)
	}
	_, err := fetch(t, f, "gs://whole/none.jpg")
	wantClass(t, err, pipeline.NotFound)
}
