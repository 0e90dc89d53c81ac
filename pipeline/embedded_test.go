package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// album is a row of a dataset that holds its images.
type album struct {
	Image struct {
		Bytes *[]byte `parquet:"bytes,optional"`
		Path  *string `parquet:"path,optional"`
	} `parquet:"image,optional"`
	ID int64 `parquet:"id"`
}

// album writes a file whose row i has the image and the path of(i); "" is a null
// path, nil a null image.
func (w *world) album(file string, rows int, of func(i int) (image []byte, path string)) {
	w.t.Helper()
	w.spec.Column = "image"
	out := make([]album, rows)
	for i := range out {
		out[i].ID = int64(i)
		image, path := of(i)
		if image != nil {
			out[i].Image.Bytes = &image
		}
		if path != "" {
			out[i].Image.Path = &path
		}
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, out); err != nil {
		w.t.Fatal(err)
	}
	if err := w.dataset.Write(w.t.Context(), file, b.Bytes(), nil); err != nil {
		w.t.Fatal(err)
	}
}

// medley has rows of every kind: images with and without a path, a page of HTML,
// paths alone, some of which are dead, and rows with neither.
func medley(i int) (image []byte, path string) {
	switch i % 10 {
	case 0:
		return nil, ""
	case 1:
		return nil, fmt.Sprintf("ok:%d", i)
	case 2:
		return nil, fmt.Sprintf("404:%d", i)
	case 3:
		return fmt.Appendf(nil, "html:%d", i), fmt.Sprintf("page/%d", i)
	case 4:
		return fmt.Appendf(nil, "image %d", i), ""
	case 5:
		if i%50 != 5 {
			break
		}
		// One that is not read with its batch.
		return bytes.Repeat(fmt.Appendf(nil, "image %d ", i), 60_000), ""
	}
	return fmt.Appendf(nil, "image %d", i), fmt.Sprintf("train/%d.jpg", i)
}

// An image that the dataset holds goes its way without a fetch, and the others
// theirs.
func TestImagesInTheDatasetAreNotFetched(t *testing.T) {
	w := newWorld(t)
	w.album("a.parquet", 300, medley)
	_, ps := w.mustPlan("1", 1000)
	p := ps[0]
	if !p.Embedded {
		t.Error("the plan does not say where the images are")
	}
	counts := w.finish(p, pipeline.Begin(p))
	counts.BytesIn, counts.BytesOut = 0, 0
	want := pipeline.Counts{OK: 210, Failed: 60, Skipped: 30, Errors: map[pipeline.Class]int64{pipeline.HTTP4xx: 30, pipeline.Unsupported: 30}}
	if d := cmp.Diff(want, counts); d != "" {
		t.Error(d)
	}
	if all, most := w.fetcher.requests(); all != 60 || most != 1 {
		t.Errorf("%d fetches, at most %d of a source; 60 rows have nothing but a path", all, most)
	}
	for o, err := range w.output.Tables.Scan(t.Context(), w.out, p.ManifestKey()) {
		if err != nil {
			t.Fatal(err)
		}
		image, path := medley(int(o.Row))
		if got := deref(o.Source); got != path {
			t.Errorf("row %d has the source %q, want %q", o.Row, got, path)
		}
		switch {
		case image == nil:
		case o.Attempts != 0 || o.HTTPStatus != 0 || o.FetchTime != 0 || o.FinalURL != "":
			t.Errorf("row %d was fetched: %+v", o.Row, o)
		case o.SourceBytes != int64(len(image)):
			t.Errorf("row %d has %d bytes, want %d", o.Row, o.SourceBytes, len(image))
		}
		if o.Status != pipeline.OK || image == nil {
			continue
		}
		if stored, err := w.out.Read(t.Context(), o.Key); err != nil || !bytes.Equal(stored, image) {
			t.Errorf("row %d became another image (%v)", o.Row, err)
		}
	}
	s, err := w.output.Tables.Summary(t.Context(), w.out, p.ManifestKey())
	if err != nil || !s.Partition.Embedded {
		t.Errorf("the manifest's footer says %+v, %v", s.Partition, err)
	}
	w.verify()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// limited is a fetcher with a largest source.
type limited struct {
	*counter
	most int64
}

func (l limited) TooLarge(size int64) error {
	if size <= l.most {
		return nil
	}
	return pipeline.Fail(pipeline.TooLarge, "%d bytes, and %d are allowed", size, l.most)
}

// watched are tables whose rows tell when an image is read.
type watched struct {
	pipeline.Tables
	read func(row, size int64)
}

func (w watched) Open(ctx context.Context, dataset pipeline.Store, p pipeline.Partition, spec pipeline.Spec) (pipeline.Table, error) {
	t, err := w.Tables.Open(ctx, dataset, p, spec)
	return watchedTable{t, w.read}, err
}

type watchedTable struct {
	pipeline.Table
	read func(row, size int64)
}

func (w watchedTable) Rows(ctx context.Context, want pipeline.Runs) iter.Seq2[pipeline.Row, error] {
	return func(yield func(pipeline.Row, error) bool) {
		for r, err := range w.Table.Rows(ctx, want) {
			if r.Image != nil {
				r.Image = watchedImage{r.Image, func() { w.read(r.Number, r.Image.Size()) }}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

type watchedImage struct {
	pipeline.Image
	read func()
}

func (w watchedImage) Read(ctx context.Context) ([]byte, error) {
	w.read()
	return w.Image.Read(ctx)
}

// No image is read before its bytes are granted, and one that is too large, or
// that this worker could never hold, is not read at all.
func TestImagesAreAdmittedBeforeTheyAreRead(t *testing.T) {
	const mib = 1 << 20
	w := newWorld(t)
	w.engine = pipeline.NewEngine(limited{w.fetcher, 5 * mib}, mirror{}, pipeline.NewAdmission(8*mib, 4*mib, 64*mib), 4)
	sizes := []int{1000, 600_000, 3 * mib, 4*mib + 1, 5*mib + 1}
	w.album("a.parquet", 50, func(i int) ([]byte, string) { return make([]byte, sizes[i%len(sizes)]), fmt.Sprint(i) })
	_, ps := w.mustPlan("1", 1000)
	reads := 0
	w.output.Tables = watched{w.output.Tables, func(row, size int64) {
		reads++
		if size > 4*mib {
			t.Errorf("row %d was read, of %d bytes", row, size)
		}
		// What is beyond the pool of 4 MiB is from the reserve.
		if held := w.engine.Stats().Encoded.Held; held < min(size, 2*mib) {
			t.Errorf("row %d, of %d bytes, was read while %d were granted", row, size, held)
		}
	}}
	counts := w.finish(ps[0], pipeline.Begin(ps[0]))
	if counts.OK != 30 || counts.Errors[pipeline.OverBudget] != 10 || counts.Errors[pipeline.TooLarge] != 10 || reads != 30 {
		t.Errorf("%d images were read: %+v", reads, counts)
	}
	if s := w.engine.Stats(); s.Encoded.Held != 0 || s.Decoded.Held != 0 || s.Downloads != 0 {
		t.Errorf("at the end there are held: %+v", s)
	}
}

// Images that wait to grow, sources that wait for the pool and the rows behind
// them do not wait for each other, also in a pool that holds three.
func TestImagesAndSourcesShareASmallPool(t *testing.T) {
	w := newWorld(t)
	w.engine = pipeline.NewEngine(w.fetcher, mirror{}, pipeline.NewAdmission(3<<20, 1<<20, 8<<20), 2)
	for _, file := range []string{"a.parquet", "b.parquet"} {
		w.album(file, 300, func(i int) ([]byte, string) {
			if i%3 == 0 {
				return nil, fmt.Sprintf("ok:%s:%d", file, i)
			}
			return make([]byte, 1+i*7919%(1<<20)), ""
		})
	}
	_, ps := w.mustPlan("1", 1000)
	var both sync.WaitGroup
	for _, p := range ps {
		both.Go(func() {
			c, err := w.engine.Process(t.Context(), w.job(p, pipeline.Begin(p), &journal{}))
			if err != nil || c.Counts.OK != 300 {
				t.Errorf("%+v, %v", c.Counts, err)
			}
		})
	}
	both.Wait()
}

// What the column holds is in the plan, and not in the partitions' names.
func TestEmbeddedIsNoPartOfAName(t *testing.T) {
	w := newWorld(t)
	w.album("a.parquet", 30, medley)
	_, ps := w.mustPlan("1", 10)
	for k, p := range ps {
		if want := pipeline.PartitionName(pipeline.FileID(p.File, p.Version), k, len(ps)); !p.Embedded || p.Name != want {
			t.Errorf("%+v, want the name %s", p, want)
		}
	}
}

func TestTheColumnOfImagesIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.album("a.parquet", 3, medley)
	w.spec.KeepColumns = []string{"id", "image"}
	_, _, err := w.plan("1", 10)
	if err == nil || !strings.Contains(err.Error(), `column "image" holds the images themselves, and cannot be kept`) {
		t.Error(err)
	}
	w.spec.KeepColumns, w.spec.Column = nil, "id"
	_, _, err = w.plan("1", 10)
	if err == nil || !strings.Contains(err.Error(), `column "id" is of type int64, and sources are strings, image bytes, or a struct of bytes and path`) {
		t.Error(err)
	}
}
