package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/demo/listing"
)

// BenchmarkMem compares, on the same bytes in memory, a bare loop, the package
// that renders images, and the whole pipeline from mem:// to mem://.
func BenchmarkMem(b *testing.B) {
	const dataset = "mem://photographs"
	l := newLibrary(b)
	store := open(b, dataset)
	ps := allPhotos(b)
	sources := make([][]byte, len(ps))
	for i, p := range ps {
		sources[i] = readPhoto(b, p)
		if err := store.Write(b.Context(), p.Name(), sources[i], nil); err != nil {
			b.Fatal(err)
		}
	}
	rows := listing.Rows("", names(ps), len(ps))
	for i, p := range ps {
		rows[i].Path = p.Name() // a key of the dataset
	}
	files := b.TempDir()
	if err := listing.Write(files, rows, 2); err != nil {
		b.Fatal(err)
	}
	for k := range 2 {
		name := fmt.Sprintf("part-%05d.parquet", k)
		body, err := os.ReadFile(filepath.Join(files, name))
		if err != nil {
			b.Fatal(err)
		}
		if err := store.Write(b.Context(), name, body, nil); err != nil {
			b.Fatal(err)
		}
	}

	outputs := 0
	duel(b, len(ps),
		contender{name: "bare", run: func(b *testing.B) {
			inParallel(b, len(sources), cpus(), func(i int) error {
				_, err := bareRender(sources[i])
				return err
			})
		}},
		contender{name: "imaging", run: func(b *testing.B) {
			inParallel(b, len(sources), cpus(), func(i int) error {
				h, err := l.imager.Probe(sources[i])
				if err != nil {
					return err
				}
				_, err = l.imager.Render(b.Context(), sources[i], h, target)
				return err
			})
		}},
		contender{name: "pipeline", run: func(b *testing.B) {
			outputs++
			l.run(b, dataset, fmt.Sprintf("mem://thumbnails-%d", outputs), len(ps))
		}},
	)
}
