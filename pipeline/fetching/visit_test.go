package fetching

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pipeline"
)

// flaky fails with status until it was asked so often, and counts.
func flaky(t *testing.T, status, fails int) (url string, asked *atomic.Int64) {
	asked = &atomic.Int64{}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if int(asked.Add(1)) <= fails {
			w.WriteHeader(status)
			return
		}
		fmt.Fprint(w, "image")
	}).URL, asked
}

func TestTransientFailuresAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name          string
		status, fails int
		retries       int
		class         pipeline.Class
		asked         int
	}{
		{"well at the third time", 500, 2, 2, "", 3},
		{"never well", 500, 9, 2, pipeline.HTTP5xx, 3},
		{"not without retries", 500, 1, -1, pipeline.HTTP5xx, 1},
		{"not what is final", 404, 1, 2, pipeline.HTTP4xx, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, asked := flaky(t, c.status, c.fails)
			v := newFetcher(t, Options{Retries: c.retries}).Visit(dataset{}, url, pipeline.Share{})
			defer v.Close()
			var err error
			for again := true; again; again = errors.Is(err, pipeline.ErrLater) {
				if err = v.Wait(t.Context()); err == nil {
					_, err = v.Fetch(t.Context(), newGrant(t, 1<<20))
				}
			}
			if c.class != "" {
				wantClass(t, err, c.class)
			} else if err != nil {
				t.Error(err)
			}
			if int(asked.Load()) != c.asked || v.Trace().Tries != c.asked {
				t.Errorf("asked %d times, and says %d; want %d", asked.Load(), v.Trace().Tries, c.asked)
			}
		})
	}
}

// A redirect to a host that is busy gives everything back until it is not.
func TestARedirectToABusyHostWaits(t *testing.T) {
	image, _ := flaky(t, 200, 0)
	var asked atomic.Int64
	short := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, image+"/here", http.StatusFound)
	})
	f := newFetcher(t, Options{PerHost: 1})
	other := f.Visit(dataset{}, image, pipeline.Share{})
	defer other.Close()
	if ok, err := other.Ready(); !ok {
		t.Fatal(err)
	}
	v := f.Visit(dataset{}, short.URL, pipeline.Share{})
	defer v.Close()
	if err := v.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Fetch(t.Context(), newGrant(t, 1<<20)); !errors.Is(err, pipeline.ErrLater) {
		t.Fatalf("%v", err)
	}
	if ok, _ := v.Ready(); ok {
		t.Error("the host has two places")
	}
	other.Close()
	if err := v.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	body, err := v.Fetch(t.Context(), newGrant(t, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	body.Free()
	if got := v.Trace(); got.FinalURL != image+"/here" || got.Tries != 1 || asked.Load() != 1 {
		t.Errorf("%+v; the first host was asked %d times", got, asked.Load())
	}
}

// A redirect to a host that is busy does not begin the time anew; waiting for that
// host does not count.
func TestTheTotalGoesOnBehindARedirect(t *testing.T) {
	const total = time.Second
	slowly := func(w http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(total * 2 / 3):
			return true
		case <-r.Context().Done():
			return false
		}
	}
	image := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if slowly(w, r) {
			fmt.Fprint(w, "image")
		}
	})
	short := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if slowly(w, r) {
			http.Redirect(w, r, image.URL, http.StatusFound)
		}
	})
	f := newFetcher(t, Options{PerHost: 1, Timeouts: Timeouts{Total: total}})
	for _, source := range []string{image.URL, short.URL} {
		other := f.Visit(dataset{}, image.URL, pipeline.Share{})
		if source == short.URL {
			if ok, err := other.Ready(); !ok {
				t.Fatal(err)
			}
		}
		v := f.Visit(dataset{}, source, pipeline.Share{})
		if err := v.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		body, err := v.Fetch(t.Context(), newGrant(t, 1<<20))
		if source == image.URL {
			if err != nil {
				t.Fatal(err)
			}
			body.Free()
			continue
		}
		if !errors.Is(err, pipeline.ErrLater) {
			t.Fatal(err)
		}
		<-time.After(total) // the host's place
		other.Close()
		if err := v.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = v.Fetch(t.Context(), newGrant(t, 1<<20))
		if e := rowError(t, err, pipeline.Timeout); !strings.Contains(e.Message, total.String()) {
			t.Error(e.Message)
		}
	}
}

func TestEncodedBodies(t *testing.T) {
	const most = 10_000
	pack := func(encoding string, n int) string {
		var b bytes.Buffer
		text := []byte(strings.Repeat("image", n/5))
		if encoding == "gzip" {
			z := gzip.NewWriter(&b)
			_, _ = z.Write(text)
			_ = z.Close()
		} else {
			z := zlib.NewWriter(&b)
			_, _ = z.Write(text)
			_ = z.Close()
		}
		return b.String()
	}
	damaged := []byte(pack("gzip", 5000))
	damaged[len(damaged)-6] ^= 1
	for _, c := range []struct {
		name, encoding, body string
		want                 int // bytes
		class                pipeline.Class
	}{
		{"gzip", "gzip", pack("gzip", 5000), 5000, ""},
		{"deflate", "deflate", pack("deflate", 5000), 5000, ""},
		{"gzip that is called deflate", "deflate", pack("gzip", 5000), 5000, ""},
		{"the largest", "gzip", pack("gzip", most), most, ""},
		{"a bomb", "gzip", pack("gzip", 50<<20), 0, pipeline.TooLarge},
		{"empty within", "gzip", pack("gzip", 0), 0, pipeline.Empty},
		{"damaged", "gzip", string(damaged), 0, pipeline.Corrupt},
		{"cut off", "gzip", pack("gzip", 5000)[:20], 0, pipeline.Connect},
		{"no end of nothing", "gzip", strings.Repeat(pack("gzip", 0), 1000), 0, pipeline.TooLarge},
		{"only said to be", "gzip", "image", 5, ""},
		{"one byte", "gzip", "i", 1, ""},
		{"no encoding at all", "utf-8", "image", 5, ""},
		{"one that we leave", "br", "image", 5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", c.encoding)
				fmt.Fprint(w, c.body)
			})
			body, err := fetch(t, newFetcher(t, Options{MaxBytes: most}), server.URL)
			if c.class != "" {
				wantClass(t, err, c.class)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(body.Bytes) != c.want {
				t.Errorf("%d bytes, want %d", len(body.Bytes), c.want)
			}
			body.Free()
		})
	}
}
