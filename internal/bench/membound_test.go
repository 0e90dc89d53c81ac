package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/internal/demo/photo"
	"sluice/internal/demo/stack"
	"sluice/pipeline"
	"sluice/pipeline/imaging"
	"sluice/pipeline/isolation"
	"sluice/pipeline/tables"
)

// BenchmarkMembound gives a worker 512 MiB and 2,000 images, of which half are
// of 12 to 50 megapixels, and a fifth of those progressive JPEGs, AVIFs or
// lossless WebPs. It holds worker and decoders together to what was given, sees
// that no row was refused that fits, and that decoders idle with rows waiting
// only while these wait for memory.
func BenchmarkMembound(b *testing.B) {
	const given = 512 << 20
	rows := rowsOf(2000)
	budget, err := pipeline.NewBudget(given, partitions, cpus(), isolation.Base, maxSource)
	if err != nil {
		b.Fatal(err)
	}
	names := hugeAndUsual(b, rows)
	for b.Loop() {
		data := serve(b, 0, names, rows)
		metrics, err := stack.FreeAddress(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		t := data.startTemporal(b, given, "--metrics-addr", metrics)
		w := watch(b, t.worker, metrics)
		out := b.TempDir()
		t.finish(b, out)
		w.end()

		counts, refused := refusals(b, out, names, budget)
		b.Logf("%v; refused: %v", counts, refused)
		b.Logf("%d looks: decoders idled with rows ready in %d, and none of these waited for memory in %d", w.looks, w.idle, w.wrong)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(w.peak)/1e6, "peak-MB")
		b.ReportMetric(float64(counts[pipeline.OverBudget]), "over-budget")
		if w.peak >= given {
			b.Errorf("worker and decoders held %d MiB of %d", w.peak>>20, given>>20)
		}
		// A row that is ready is on its way to its decoder for a moment.
		if w.looks == 0 || w.wrong > w.looks/50 {
			b.Errorf("in %d of %d looks decoders idled with rows ready, none of which waited for memory", w.wrong, w.looks)
		}
		if n := counts[""] + counts[pipeline.OverBudget]; n != rows {
			b.Errorf("%d of %d rows are neither ok nor over_budget: %v", rows-n, rows, counts)
		}
		data.stack.Stop()
	}
}

// refusals counts the rows by class, and names what was refused with its cost in
// MB. What would have fitted is an error.
func refusals(b *testing.B, out string, names []string, budget pipeline.Budget) (counts map[pipeline.Class]int, refused map[string]int64) {
	b.Helper()
	headers := imaging.Headers(nil)
	counts, refused = map[pipeline.Class]int{}, map[string]int64{}
	store := open(b, out)
	for obj, err := range store.List(b.Context(), pipeline.ManifestPrefix) {
		if err != nil {
			b.Fatal(err)
		}
		for o, err := range tables.New().Scan(b.Context(), store, obj.Key) {
			if err != nil {
				b.Fatal(err)
			}
			counts[o.Class]++
			if o.Class != pipeline.OverBudget {
				continue
			}
			name := filepath.Base(strings.SplitN(*o.Source, "?", 2)[0])
			src, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				b.Fatal(err)
			}
			h, err := headers.Probe(src)
			if err != nil {
				b.Fatal(err)
			}
			cost := headers.Cost(h, target) + int64(len(src))
			refused[name] = cost / 1e6
			if cost <= budget.Decoded && int64(len(src)) <= budget.Reserve {
				b.Errorf("%s was refused, at %d of %d MB", name, cost/1e6, budget.Decoded/1e6)
			}
		}
	}
	return counts, refused
}

// hugeAndUsual are so many names of photographs in the folder, in no order.
func hugeAndUsual(b *testing.B, n int) []string {
	b.Helper()
	usual := names(somePhotos(b, func(p photo.Photo) bool { return p.Width < 4000 }))
	large := []photo.Photo{
		{Number: 9001, Width: 4000, Height: 3000},
		{Number: 9002, Width: 5200, Height: 3900},
		{Number: 9003, Width: 3000, Height: 8000},
		{Number: 9004, Width: 8192, Height: 6144},
	}
	if err := photo.Make(b.Context(), folder, large, func(int, int) {}); err != nil {
		b.Fatal(err)
	}
	if _, err := imaging.New(nil); err != nil { // starts libvips
		b.Fatal(err)
	}
	var odd []string
	for _, o := range []struct {
		of     photo.Photo
		suffix string
		export func(*vips.ImageRef) ([]byte, *vips.ImageMetadata, error)
	}{
		{large[0], ".progressive.jpg", progressive},
		{large[2], ".progressive.jpg", progressive},
		{large[3], ".progressive.jpg", progressive},
		{large[0], ".avif", func(m *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return m.ExportAvif(&vips.AvifExportParams{Quality: 50, Bitdepth: 8, Effort: 0})
		}},
		{large[0], ".webp", func(m *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
			return m.ExportWebp(&vips.WebpExportParams{Lossless: true, ReductionEffort: 0})
		}},
	} {
		name := strings.TrimSuffix(o.of.Name(), ".jpg") + o.suffix
		odd = append(odd, name)
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		m, err := vips.NewImageFromBuffer(readPhoto(b, o.of))
		if err != nil {
			b.Fatal(err)
		}
		body, _, err := o.export(m)
		m.Close()
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	all := make([]string, n)
	for i := range all {
		switch k := i / 2; {
		case i%2 == 0:
			all[i] = usual[k%len(usual)]
		case k%5 == 0:
			all[i] = odd[k/5%len(odd)]
		default:
			all[i] = large[k%len(large)].Name()
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func progressive(m *vips.ImageRef) ([]byte, *vips.ImageMetadata, error) {
	return m.ExportJpeg(&vips.JpegExportParams{Quality: 80, Interlace: true, SubsampleMode: vips.VipsForeignSubsampleOn})
}

// watched is what was seen of a worker, every 100 ms.
type watched struct {
	peak  int64 // bytes that it and its decoders had resident together
	looks int
	idle  int // with a decoder idle and rows that had landed
	wrong int // of these, with nobody who waited for bytes, twice in a row
	end   func()
}

func watch(b *testing.B, pid int, metrics string) *watched {
	b.Helper()
	w := &watched{}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	w.end = func() { cancel(); <-done }
	go func() {
		defer close(done)
		for tick := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			w.peak = max(w.peak, resident(family(b, pid)))
			m, err := stack.Metrics(ctx, metrics)
			if err != nil {
				continue // it is not up yet, or not any more
			}
			w.looks++
			if idles(m) {
				w.idle++
				// The pool grants the oldest what fits: who waits, waits for bytes.
				if again, err := stack.Metrics(ctx, metrics); err == nil && idles(again) && m["sluice_decodes_waiting"]+again["sluice_decodes_waiting"] == 0 {
					w.wrong++
				}
			}
		}
	}()
	return w
}

// idles is whether a decoder has nothing to do although rows have landed.
func idles(m map[string]float64) bool {
	return m["sluice_ready_rows"] > 0 && m["sluice_decodes"] < m["sluice_decoders"]
}

// resident is what processes hold, bytes. Pages that several hold count for
// each.
func resident(ids []int) (sum int64) {
	for _, id := range ids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", id))
		if err != nil {
			continue // it has ended
		}
		var size, pages int64
		if _, err := fmt.Sscan(string(text), &size, &pages); err == nil {
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}
