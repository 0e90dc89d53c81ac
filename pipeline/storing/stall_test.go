package storing

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// hang keeps a request waiting until its client gives up.
func hang(r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body) // else its end is not heard of
	<-r.Context().Done()
	return true
}

// A bucket that takes a call and never answers is a fault after a while, and no
// end of the caller's own context.
func TestABucketThatHangsIsAFault(t *testing.T) {
	s := between(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool { return hang(r) })
	s.stallLimit = time.Second
	for op, err := range everyOperation(t, s) {
		wantFault(t, s, op, err, "no answer for 1s")
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v says that the caller has given up", op, err)
		}
	}
}

// What moves may take for as long as it likes, and what stops is given up on.
func TestABodyMayBeSlowButNotStop(t *testing.T) {
	const body = 8 << 10
	var stops atomic.Bool
	s := between(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", "8192")
		for i := range 8 {
			if stops.Load() && i == 4 {
				return hang(r)
			}
			_, _ = w.Write(make([]byte, body/8))
			w.(http.Flusher).Flush()
			<-time.After(200 * time.Millisecond) // the others may be late
		}
		return true
	})
	s.stallLimit = time.Second
	if got, err := s.Read(t.Context(), "k"); err != nil || len(got) != body {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	stops.Store(true)
	_, err := s.Read(t.Context(), "k")
	wantFault(t, s, "a body that stops", err, "no answer for 1s")
}

// An upload that is given up on leaves nothing under its key.
func TestAnUploadThatStopsLeavesNoObject(t *testing.T) {
	var hangs atomic.Bool
	s := between(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		return hangs.Load() && r.Method == http.MethodPut && hang(r)
	})
	s.stallLimit = time.Second
	hangs.Store(true)
	err := s.Stream(t.Context(), "k", func(w io.Writer) error {
		_, err := w.Write(noise(7, 1<<10))
		return err
	}, nil)
	wantFault(t, s, "an upload that stops", err, "no answer for 1s")
	if _, err := s.Stat(t.Context(), "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is an object, or %v", err)
	}
}
