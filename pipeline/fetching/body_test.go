package fetching

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pipeline"
)

// quiet is for servers whose clients misbehave on purpose.
var quiet = log.New(io.Discard, "", 0)

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// serveSizes answers /N with N bytes of noise, /chunked/N without their number.
func serveSizes(t testing.TB) (url string, all []byte) {
	all = noise(8 << 20)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path, chunked := bytes.CutPrefix([]byte(r.URL.Path), []byte("/chunked"))
		n, err := strconv.Atoi(string(path[1:]))
		if err != nil {
			t.Error(err)
		}
		if !chunked {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		} else if n > 0 {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(all[:n])
	})
	return server.URL, all
}

func TestBodiesOfAnySize(t *testing.T) {
	const most = 3<<20 + 12345
	url, all := serveSizes(t)
	f := newFetcher(t, Options{MaxBytes: most})
	for _, n := range []int{1, 1000, smallest - 1, smallest, smallest + 1, firstBuffer, firstBuffer + 1, 350_000, 1 << 20, 1<<20 + 1, most - 1, most} {
		for _, kind := range []string{"/", "/chunked/"} {
			grant := newGrant(t, 256<<10)
			body, err := f.Fetch(t.Context(), nil, url+kind+fmt.Sprint(n), grant)
			if err != nil {
				t.Errorf("%s%d: %v", kind, n, err)
				continue
			}
			if !bytes.Equal(body.Bytes, all[:n]) {
				t.Errorf("%s%d: %d other bytes", kind, n, len(body.Bytes))
			}
			if held := int64(cap(body.Bytes)); grant.Bytes() != held {
				t.Errorf("%s%d: %d bytes are granted for a buffer of %d", kind, n, grant.Bytes(), held)
			}
			if kind == "/" && n >= smallest && cap(body.Bytes) > n+n/4+1 {
				t.Errorf("/%d is in a buffer of %d", n, cap(body.Bytes))
			}
			body.Free()
			body.Free()
		}
	}
	for _, path := range []string{"/" + fmt.Sprint(most+1), "/chunked/" + fmt.Sprint(most+1)} {
		_, err := fetch(t, f, url+path)
		if failed := rowError(t, err, pipeline.TooLarge); failed.HTTPStatus != 200 {
			t.Errorf("%s: the status is %d", path, failed.HTTPStatus)
		}
	}
	if f.buffers.kept > f.opts.IdleBytes {
		t.Errorf("%d bytes are kept", f.buffers.kept)
	}
}

func TestAHugeBodyIsHardlyRead(t *testing.T) {
	var written atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/announced" {
			w.Header().Set("Content-Length", fmt.Sprint(1<<40))
		}
		for chunk := make([]byte, 64<<10); ; {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	f := newFetcher(t, Options{MaxBytes: 100_000})
	for _, path := range []string{"/announced", "/endless"} {
		_, err := fetch(t, f, server.URL+path)
		wantClass(t, err, pipeline.TooLarge)
	}
	server.Close() // waits for the handlers
	// What the kernel's buffers took before the connection was closed.
	if n := written.Load(); n > 32<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestMemoryIsGrantedBeforeItIsHeld(t *testing.T) {
	url, _ := serveSizes(t)
	f := newFetcher(t, Options{})
	admission := pipeline.NewAdmission(3<<20, 2<<20, 0) // a pool of 1 MiB, and 2 MiB in reserve

	usual := admit(t, admission, 64<<10)
	for path, class := range map[string]pipeline.Class{
		"/2097152":         "",                  // all of the reserve
		"/chunked/1500000": "",                  // grown into it by less than a doubling
		"/2097153":         pipeline.OverBudget, // a byte more
		"/chunked/2500000": pipeline.OverBudget,
	} {
		body, err := f.Fetch(t.Context(), nil, url+path, usual)
		if class != "" {
			wantClass(t, err, class)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body.Free()
	}
	usual.Release()
	if encoded, _ := admission.Stats(); encoded.Held != 0 {
		t.Errorf("%d bytes are still granted", encoded)
	}
}

func TestWaitingForMemoryIsNoTimeout(t *testing.T) {
	url, _ := serveSizes(t)
	f := newFetcher(t, Options{Timeouts: Timeouts{Total: 300 * time.Millisecond, FloorWindow: 100 * time.Millisecond}})
	admission := pipeline.NewAdmission(2<<20+8<<20/7, 2<<20, 0) // a pool of 1 MiB
	// Somebody holds the pool and the reserve, but for what a fetch begins with.
	grant := admit(t, admission, 128<<10)
	other := admit(t, admission, 1<<20-128<<10)
	if err := other.Grow(t.Context(), 2<<20); err != nil {
		t.Fatal(err)
	}
	fetched := make(chan error, 1)
	go func() {
		body, err := f.Fetch(t.Context(), nil, url+"/900000", grant)
		if err == nil {
			body.Free()
		}
		fetched <- err
	}()
	select {
	case err := <-fetched:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(600 * time.Millisecond): // both limits, twice over
	}
	other.Release()
	if err := <-fetched; err != nil {
		t.Error(err)
	}
	grant.Release()
}

// What a host only announces holds nothing: hosts that announce much and send
// little leave the memory to others.
func TestAnnouncementsHoldNoMemory(t *testing.T) {
	const pool, usual, announced = 1 << 20, 128 << 10, 500_000
	under := make(chan struct{}, 4)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/well" {
			_, _ = w.Write(noise(300_000))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(announced))
		_, _ = w.Write(noise(1000))
		_ = http.NewResponseController(w).Flush()
		under <- struct{}{}
		<-r.Context().Done()
	})
	f := newFetcher(t, Options{})
	admission := pipeline.NewAdmission(pool+2<<20, 2<<20, 0)
	ctx, cancel := context.WithCancel(t.Context())
	var tarpits sync.WaitGroup
	defer tarpits.Wait()
	defer cancel()
	for range cap(under) {
		grant := admit(t, admission, usual)
		tarpits.Go(func() {
			defer grant.Release()
			if _, err := f.Fetch(ctx, dataset{}, server.URL, grant); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for range cap(under) {
		<-under
	}
	well := admit(t, admission, usual)
	defer well.Release()
	within, done := context.WithTimeout(t.Context(), 5*time.Second)
	defer done()
	body, err := f.Fetch(within, dataset{}, server.URL+"/well", well)
	if err != nil {
		t.Fatal(err)
	}
	body.Free()
	if encoded, _ := admission.Stats(); encoded.Held > int64(cap(under)*usual+2*300_000) {
		t.Errorf("%d bytes are held", encoded.Held)
	}
}

func admit(t *testing.T, a *pipeline.Admission, n int64) *pipeline.Grant {
	t.Helper()
	g, err := a.AdmitFetch(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestABodyIsNobodyElses(t *testing.T) {
	url, all := serveSizes(t)
	f := newFetcher(t, Options{IdleBytes: 1 << 20})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				n := 60_000 + 13_000*((g+i)%7)
				kind := []string{"/", "/chunked/"}[i%2]
				body, err := fetch(t, f, url+kind+fmt.Sprint(n))
				if err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(body.Bytes, all[:n]) {
					t.Errorf("%d bytes that somebody else wrote", n)
				}
				clear(body.Bytes) // the race detector sees it if another has them
				body.Free()
			}
		})
	}
	wg.Wait()
}

func TestBuffersAreKeptWithinTheirLimit(t *testing.T) {
	b := buffers{largest: 1 << 30, limit: 1 << 20}
	var held [][]byte
	for i := range 20 {
		held = append(held, b.get(b.size(int64(i+1)*100_000)))
	}
	for _, buf := range held {
		b.put(buf)
		if b.kept > b.limit {
			t.Fatalf("%d bytes are kept", b.kept)
		}
	}
	small := b.get(b.size(1000))
	b.put(small)
	if again := b.get(b.size(1000)); &again[:1][0] != &small[:1][0] {
		t.Error("the buffer put back last is not reused")
	}
}

func TestSizesWasteAQuarterAtMost(t *testing.T) {
	b := buffers{largest: 50_000_000}
	for n := int64(1); n <= b.largest; n += 1 + n/7 {
		size := b.size(n)
		if size < n || (n > smallest && size > n+n/4+1) || size > b.largest || b.size(size) != size {
			t.Fatalf("%d bytes go into %d, which go into %d", n, size, b.size(size))
		}
		if in := b.within(n); n >= smallest && (in > n || in < n-n/4 || b.size(in) != in) {
			t.Fatalf("%d bytes cover %d, which go into %d", n, in, b.size(in))
		}
	}
}
