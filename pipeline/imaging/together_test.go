package imaging

import (
	"runtime"
	"sync"
	"testing"

	"sluice/pipeline"
)

// Images are rendered side by side, as with --isolation none, without what makes
// that a gamble. The loop is long enough to notice what happens often.
func TestManyAtOnce(t *testing.T) {
	m := imager()
	if usesOrc() {
		t.Error("libvips uses liborc, which is not safe between threads")
	}
	src := pngOf(photo(12, 9))
	h, err := m.Probe(src)
	if err != nil {
		t.Fatal(err)
	}
	to := pipeline.Target{Width: 5, Height: 4, Fit: pipeline.Fill, Format: pipeline.PNG, Quality: 80}
	var all sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for range 200 {
				if _, err := m.Render(t.Context(), src, h, to); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
