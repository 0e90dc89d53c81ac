// Package origin serves a folder of images over HTTP on this machine and keeps
// a log of what it was asked for: the witness to how often a row was fetched
// that does not depend on what sluice says of itself.
package origin

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// Options are optional; the zero value is all defaults.
type Options struct {
	// Latency is waited before each answer. An origin on the same machine has
	// none, and every real one has.
	Latency time.Duration
	// Log takes one line a request, as it arrives; see ReadLog. nil: no log.
	Log io.Writer
}

// Handler serves the files in folder.
func Handler(folder string, opts Options) http.Handler {
	files := http.FileServer(http.Dir(folder)) // not FileServerFS, whose files the kernel cannot send by itself
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opts.Log != nil {
			// A request counts as soon as it arrives, even if its client is dead
			// before the answer. One write a line: nothing is lost in a buffer,
			// and lines of two requests do not mix.
			fmt.Fprintf(opts.Log, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), r.URL.RequestURI())
		}
		if opts.Latency > 0 {
			select {
			case <-time.After(opts.Latency):
			case <-r.Context().Done():
				return
			}
		}
		files.ServeHTTP(w, r)
	})
}
