package bench

import (
	"fmt"
	"testing"

	"sluice/internal/demo/photo"
)

// BenchmarkMemory measures the worker's peak of resident memory, with its
// children, when it is given 512 MiB and nothing but images of 12 megapixels.
func BenchmarkMemory(b *testing.B) {
	const given = 512 << 20
	for _, rows := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			large := somePhotos(b, func(p photo.Photo) bool { return p.Width == 4000 })
			for b.Loop() {
				// A new worker each time: a peak is never taken back.
				t := serve(b, 0, names(large), rows).startTemporal(b, given)
				t.run(b, rows)
				held := peak(b, t.worker)
				b.ReportMetric(float64(held)/1e6, "peak-MB")
				if held >= given {
					b.Errorf("the worker held %d MB of %d", held/1e6, given/1_000_000)
				}
				t.stack.Stop()
			}
		})
	}
}
