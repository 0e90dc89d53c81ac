package tables

import (
	"bytes"
	"errors"
	"io/fs"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// maxAlloc is what reading a small hostile file may allocate in all: what
// maxStructs and maxPage allow, once each.
const maxAlloc = 1 << 30

// seeds are a dataset's file, a part and a manifest, and files that lie.
func seeds(f *testing.F) {
	m, p, tab := dataset(f, 40, 25, pipeline.Spec{Column: "url"})
	keys := putParts(f, m, tab, benchOutcomes(f, tab), 20)
	manifest, _ := merged(f, m, keys, p)
	f.Add(m.objects["in.parquet"])
	f.Add(m.objects[keys[0]])
	f.Add(manifest)
	f.Add(encode(f, everyKind(30), 20, parquet.Compression(&parquet.Gzip), parquet.DataPageVersion(1)))
	var images []pathLast
	var others []amongOthers
	for i := range 30 {
		var l pathLast
		l.Image.Bytes, l.Image.Path = album(i % 4)
		var o amongOthers
		o.Image.Bytes, o.Image.Path = album(i % 4)
		images, others = append(images, l), append(others, o)
	}
	f.Add(encode(f, images, 20, parquet.Compression(&parquet.Snappy)))
	f.Add(encode(f, others, 20, parquet.Compression(&parquet.Zstd), parquet.DataPageVersion(1)))
	f.Add(craft(f, dataPage(6, 6, 1), []byte("\x02\x00\x00\x00ab"), 1, nil))
	f.Add(withFooter(bytes.Repeat([]byte{0x19}, 100)))
	f.Add([]byte("PAR1"))
	f.Add([]byte{})
}

// onlyFileErrors runs read over a store with body in it, and fails the test if
// that ends with another error than a file's own, or allocates too much.
func onlyFileErrors(t *testing.T, body []byte, read func(m *memory, o pipeline.Object) error) {
	m := newMemory()
	o := m.put("f", body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := read(m, o)
	runtime.ReadMemStats(&after)
	var fe *pipeline.FileError
	if err != nil && (!errors.As(err, &fe) || errors.Is(err, fs.ErrNotExist)) {
		t.Errorf("%v (%T) is no FileError", err, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > maxAlloc {
		t.Errorf("%d MB were allocated for %d bytes", n>>20, len(body))
	}
	if m.open != 0 {
		t.Errorf("%d readers are still open", m.open)
	}
}

func FuzzInspect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		onlyFileErrors(t, body, func(m *memory, o pipeline.Object) error {
			_, err := New().Inspect(ctx, m, o)
			return err
		})
	})
}

func FuzzRows(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		onlyFileErrors(t, body, func(m *memory, o pipeline.Object) error {
			info, err := New().Inspect(ctx, m, o)
			if err != nil {
				return err
			}
			for _, c := range info.Columns {
				if !c.Source && !c.Embedded || info.Rows > 1000 {
					continue
				}
				p := whole(o, info.Rows)
				p.Embedded = c.Embedded
				tab, err := New().Open(ctx, m, p, pipeline.Spec{Column: c.Name})
				if err != nil {
					return err
				}
				for r, e := range tab.Rows(ctx, everything()) {
					if err = e; err == nil && r.Image != nil && r.Image.Size() < maxAlloc/16 {
						_, err = r.Image.Read(ctx)
					}
					if err != nil {
						break
					}
				}
				_ = tab.Close()
				return err
			}
			return nil
		})
	})
}

func FuzzScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		onlyFileErrors(t, body, func(m *memory, o pipeline.Object) error {
			if _, err := New().Summary(ctx, m, o.Key); err != nil {
				return err
			}
			n := 0
			for _, err := range New().Scan(ctx, m, o.Key) {
				if err != nil {
					return err
				}
				if n++; n == 1000 {
					break
				}
			}
			return nil
		})
	})
}
