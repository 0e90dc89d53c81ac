package fetching

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"sluice/pipeline"
)

// BenchmarkFetch downloads bodies of 350 kB from loopback, 32 at a time. Bytes
// allocated an operation are those of server and client, which share the
// process; a new buffer for each body would be 393,216 of them.
func BenchmarkFetch(b *testing.B) {
	url, _ := serveSizes(b)
	for _, kind := range []string{"length=announced", "length=unknown"} {
		b.Run(kind, func(b *testing.B) {
			f := newFetcher(b, Options{})
			source := url + "/350000"
			if kind == "length=unknown" {
				source = url + "/chunked/350000"
			}
			admission := pipeline.NewAdmission(256<<20, 64<<20, 0)
			var next atomic.Int64
			b.SetParallelism((32 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.SetBytes(350_000)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					grant, err := admission.AdmitFetch(b.Context(), 384<<10)
					if err != nil {
						b.Error(err)
						return
					}
					body, err := f.Fetch(b.Context(), nil, fmt.Sprintf("%s?%d", source, next.Add(1)), grant)
					if err != nil {
						b.Error(err)
						return
					}
					body.Free()
					grant.Release()
				}
			})
		})
	}
}
