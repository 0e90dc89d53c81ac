package bench

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"sluice/pipeline"
	"sluice/pipeline/imaging"
	"sluice/pipeline/isolation"
)

// TestMain makes this program a decoder, as worker's main does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolation.Arg {
		os.Exit(isolation.Serve(func() (pipeline.Imager, error) { return imaging.New(nil) }))
	}
	os.Exit(m.Run())
}

// few is how many rows SLUICE_BENCH_ROWS allows, to see whether a benchmark works;
// 0 is all. With few the ratios say nothing, and are held to nothing.
var few = sync.OnceValue(func() int {
	n, _ := strconv.Atoi(os.Getenv("SLUICE_BENCH_ROWS")) // what is no number is none
	return n
})

// rowsOf is n, or few.
func rowsOf(n int) int {
	if few() > 0 {
		return min(n, few())
	}
	return n
}
