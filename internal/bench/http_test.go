package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/demo/listing"
	"sluice/internal/demo/stack"
)

// BenchmarkHTTP compares, from an HTTP server on this machine to files, a bare
// loop that downloads, renders and saves, and the pipeline.
func BenchmarkHTTP(b *testing.B) { overHTTP(b, 0, 1000, 2*cpus()) }

// BenchmarkHTTP200ms is the same with a server that takes its time. The bare
// loop is given the downloads at once that this needs; the pipeline finds them,
// in its first second.
func BenchmarkHTTP200ms(b *testing.B) { overHTTP(b, 200*time.Millisecond, 3000, 64) }

func overHTTP(b *testing.B, latency time.Duration, rows, goroutines int) {
	l := newLibrary(b)
	rows = rowsOf(rows)
	data := serve(b, latency, names(allPhotos(b)), rows)
	duel(b, rows,
		contender{name: "bare", run: func(b *testing.B) { bareRun(b, data.urls, goroutines) }},
		contender{name: "pipeline", run: func(b *testing.B) { l.run(b, data.input, outputDir(b), rows) }},
	)
}

// served is a dataset whose images an origin on this machine serves.
type served struct {
	stack *stack.Stack
	input string // folder of the Parquet files
	urls  []string
}

// serve lists so many rows of images, which come again if there are fewer.
func serve(b *testing.B, latency time.Duration, images []string, rows int) served {
	b.Helper()
	for _, name := range images {
		// Whoever goes first finds them in the page cache, too.
		if _, err := os.ReadFile(filepath.Join(folder, name)); err != nil {
			b.Fatal(err)
		}
	}
	work := b.TempDir()
	bin := filepath.Join(root, "bin")
	if _, err := os.Stat(filepath.Join(bin, "demo")); err != nil {
		b.Skip("bin/demo is missing: make bench builds it")
	}
	s := stack.New(bin, work)
	b.Cleanup(s.Stop)
	url, err := s.Origin(b.Context(), folder, latency)
	if err != nil {
		b.Fatal(err)
	}
	data := served{stack: s, input: filepath.Join(work, "input")}
	list := listing.Rows(url, images, rows)
	for _, r := range list {
		data.urls = append(data.urls, r.Path)
	}
	if err := os.Mkdir(data.input, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := listing.Write(data.input, list, 8); err != nil {
		b.Fatal(err)
	}
	return data
}
