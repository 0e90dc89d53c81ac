package imaging

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/davidbyttow/govips/v2/vips"
)

// imager is the one of all tests.
var imager = sync.OnceValue(func() *Imager { return must(New(nil)) })

func TestMain(m *testing.M) {
	if job := os.Getenv(peakEnv); job != "" {
		if err := measure(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(headersEnv) != "" {
		os.Exit(probeAll())
	}
	code := m.Run()
	if leak := leaked(); code == 0 && leak != "" {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
}

// leaked says what libvips still holds. It has no cache, so once every image is
// closed that is nothing; its threads free what was theirs a moment later.
func leaked() string {
	var s vips.MemoryStats
	// There is nothing to wait on but the counters themselves.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
		vips.ReadVipsMemStats(&s)
		if vips.OpenImageRefs() == 0 && s.Mem == 0 && s.Allocs == 0 && s.Files == 0 {
			return ""
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("left behind: %d images, %d bytes in %d blocks, %d files", vips.OpenImageRefs(), s.Mem, s.Allocs, s.Files)
		}
	}
}
