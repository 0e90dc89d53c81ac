package bench

import (
	"fmt"
	"testing"

	"sluice/internal/demo/photo"
)

// BenchmarkMemory measures the worker's peak of resident memory, with its
// children, when it is given 512 MiB and nothing but images of 12 megapixels. It
// must not hang on how many rows there are: 1.15 is what two runs over the same
// rows differ by.
func BenchmarkMemory(b *testing.B) {
	const given = 512 << 20
	var few int64
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
				if few == 0 {
					few = held
				}
				if float64(held) > 1.15*float64(few) {
					b.Errorf("%d MB for %d rows, and %d MB for 1,000", held/1e6, rows, few/1e6)
				}
				t.stack.Stop()
			}
		})
	}
}
