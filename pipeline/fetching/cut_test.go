package fetching

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"sluice/pipeline"
)

// A pass that ends because its store hung up ends its downloads by an error with
// io.EOF in its chain, and net/http hands that on: it is no end of the body.
func TestADownloadThatIsCutShortIsNoBody(t *testing.T) {
	flush := func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() } // it can
	for _, c := range []struct {
		name string
		half func(w http.ResponseWriter)
	}{
		{"before it begins", func(http.ResponseWriter) {}},
		{"after its header", flush},
		{"with its length", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(noise(500))
			flush(w)
		}},
		{"in chunks", func(w http.ResponseWriter) {
			_, _ = w.Write(noise(500))
			flush(w)
		}},
		{"in chunks that fill the buffer", func(w http.ResponseWriter) {
			_, _ = w.Write(noise(firstBuffer))
			flush(w)
		}},
		{"compressed", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(noise(500))
			_ = z.Flush()
			flush(w)
		}},
		{"compressed, before its first bytes", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			flush(w)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cut := context.WithCancelCause(t.Context())
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				c.half(w)
				// What was sent is read first, most of the time.
				time.AfterFunc(20*time.Millisecond, func() { cut(fmt.Errorf("store: %w", io.EOF)) })
				<-r.Context().Done()
			})
			f := newFetcher(t, Options{})
			body, err := f.Fetch(ctx, dataset{}, server.URL+"/a.jpg", newGrant(t, 1<<20))
			if err == nil {
				t.Fatalf("it came to a body of %d bytes", len(body.Bytes))
			}
			if _, ok := pipeline.AsRowError(err); ok || !errors.Is(err, context.Canceled) {
				t.Errorf("it is %v, want the end of the context", err)
			}
		})
	}
}
