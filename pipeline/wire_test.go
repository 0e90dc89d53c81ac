package pipeline_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/s3test"
	"sluice/pipeline"
)

// wireFault is how a request to S3 goes wrong on its way.
type wireFault struct {
	name string
	// lasting goes on for a while, longer than the SDK asks again.
	lasting bool
	// sampled is tried at some indices only: it takes long.
	sampled bool
	serve   func(w http.ResponseWriter, r *http.Request, server http.Handler)
}

var wireFaults = []wireFault{
	{name: "503", serve: unavailable},
	{name: "503 for a while", lasting: true, serve: unavailable},
	{name: "a second late", sampled: true, serve: func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
		server.ServeHTTP(w, r)
	}},
	{name: "cut in the request", serve: cutRequest},
	{name: "cut in the request for a while", lasting: true, serve: cutRequest},
	{name: "cut in the answer", serve: cutAnswer},
	{name: "done, and the answer lost", serve: loseAnswer},
	{name: "done, and the answers lost for a while", lasting: true, serve: loseAnswer},
}

func unavailable(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// cutRequest passes on half of the request's body, and hangs up on both sides.
func cutRequest(_ http.ResponseWriter, r *http.Request, server http.Handler) {
	if r.ContentLength > 0 {
		half := io.LimitReader(r.Body, r.ContentLength/2)
		r.Body = io.NopCloser(io.MultiReader(half, broken{}))
		func() {
			defer func() { _ = recover() }() // the proxy's own way to hang up
			server.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	panic(http.ErrAbortHandler)
}

// broken breaks off what is read.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }

// cutAnswer has the request done, and hangs up in the middle of the answer.
func cutAnswer(w http.ResponseWriter, r *http.Request, server http.Handler) {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	body := answer.Body.Bytes()
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2]) // to a client that is hung up on
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// loseAnswer has the request done, and hangs up instead of answering.
func loseAnswer(_ http.ResponseWriter, r *http.Request, server http.Handler) {
	server.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// wire is a proxy in front of an S3 server. It numbers the requests, from 1 on.
type wire struct {
	*httptest.Server
	requests atomic.Int64
	// at is the request that goes wrong; 0 is none.
	at    atomic.Int64
	fault wireFault
}

// outage is how many requests after the first go wrong where a fault lasts: more
// than the three tries of the SDK for each of the requests that are under way.
const outage = 40

func newWire(t *testing.T, server string, f wireFault, counts func(*http.Request) bool) *wire {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.Transport = transport
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	w := &wire{fault: f}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !counts(r) {
			proxy.ServeHTTP(rw, r)
			return
		}
		n, at := w.requests.Add(1), w.at.Load()
		if at > 0 && (n == at || f.lasting && n > at && n <= at+outage) {
			f.serve(rw, r, proxy)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() { w.Close(); transport.CloseIdleConnections() })
	return w
}

// wireScene is what is faulted.
type wireScene struct {
	sources func(*world)
	counts  func(*http.Request) bool // the requests that have a number
	atOnce  int                      // runs, by what they hold in memory
	step    int64                    // between the requests that are tried, by how long a run takes
}

// Request i to a real S3 server goes wrong on its way, for each i until a run
// goes through without reaching it. A successor then takes over.
func TestFaultOfEveryRequest(t *testing.T) {
	server := s3test.Start(t)
	for _, c := range []struct {
		name  string
		scene wireScene
	}{
		{"small objects", wireScene{
			sources: func(w *world) { w.sources("a.parquet", 48, sparse) },
			atOnce:  8,
			step:    1,
			counts:  func(*http.Request) bool { return true },
		}},
		// An image, a part and the manifest are uploaded in parts, and read in many.
		{"large objects", wireScene{
			sources: func(w *world) { w.wide("a.parquet") },
			atOnce:  2,
			step:    3,
			counts:  func(r *http.Request) bool { return r.URL.Query().Has("uploads") || r.URL.Query().Has("uploadId") },
		}},
	} {
		if os.Getenv("SLUICE_FAULTS") == "" && c.scene.step > 1 {
			continue // by what it takes of memory, under the race detector above all
		}
		data := fmt.Sprintf("mem://wire-%d", worlds.Add(1))
		c.scene.sources(newWorldAt(t, data, data+"-out"))
		for _, f := range wireFaults {
			t.Run(c.name+"/"+f.name, func(t *testing.T) {
				eachRequest(t, f, c.scene, func(i int64) bool { return wireFaultAt(t, server, f, i, data, c.scene.counts) })
			})
		}
	}
}

// eachRequest is everyIndex, several at a time: the SDK waits before it asks
// again.
func eachRequest(t *testing.T, f wireFault, scene wireScene, try func(i int64) (reached bool)) {
	step := int64(17)
	switch {
	case os.Getenv("SLUICE_FAULTS") == "": // make faults does it
		if f.sampled || f.lasting {
			step = 101
		}
	case f.sampled || f.lasting:
		step = 5 * scene.step
	default:
		step = scene.step
	}
	var next, end atomic.Int64
	var group sync.WaitGroup
	for range scene.atOnce {
		group.Go(func() {
			for end.Load() == 0 && !t.Failed() {
				i := 1 + step*(next.Add(1)-1)
				if !try(i) {
					end.CompareAndSwap(0, i)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d requests", end.Load()-1)
}

var buckets atomic.Int64

// wireFaultAt reports whether request i was reached. It is called from several
// goroutines, and so fails by Errorf alone.
func wireFaultAt(t *testing.T, server *s3test.Server, f wireFault, i int64, data string, counts func(*http.Request) bool) (reached bool) {
	ok := t.Run(fmt.Sprint(i), func(t *testing.T) {
		name := fmt.Sprintf("wire-%d", buckets.Add(1))
		straight := server.Bucket(t, name)
		wire := newWire(t, server.Endpoint, f, counts)
		faulted := strings.Replace(straight, url.QueryEscape(server.Endpoint), url.QueryEscape(wire.URL), 1)
		w := newWorldAt(t, data, faulted)
		a := &attempt{world: w}
		wire.at.Store(i)
		err := a.run(t.Context())
		reached = wire.requests.Load() >= i
		wire.at.Store(0)
		if err != nil {
			if !reached {
				t.Fatal(err)
			}
			if again := a.run(t.Context()); again != nil {
				t.Fatalf("%v, after %v", again, err)
			}
		}
		a.check()
		a.nothingElse()
		for _, key := range server.Uploads(t, name) {
			// While the server is away, nothing can be removed from it either.
			if !f.lasting {
				t.Errorf("an upload of %s was not removed", key)
			}
		}
	})
	return reached && ok
}

// nothingElse finds objects that an output is not made of.
func (a *attempt) nothingElse() {
	a.t.Helper()
	named := map[string]bool{pipeline.SuccessKey: true}
	for obj, err := range a.out.List(a.t.Context(), pipeline.ManifestPrefix) {
		if err != nil {
			a.t.Fatal(err)
		}
		named[obj.Key] = true
		for o, err := range a.output.Tables.Scan(a.t.Context(), a.out, obj.Key) {
			if err != nil {
				a.t.Fatal(err)
			}
			named[o.Key] = true
		}
	}
	for obj, err := range a.out.List(a.t.Context(), "") {
		if err != nil {
			a.t.Fatal(err)
		}
		if !named[obj.Key] && !strings.HasPrefix(obj.Key, pipeline.RunPrefix) {
			a.t.Errorf("%s is left, and nothing names it", obj.Key)
		}
	}
}

// wide writes a file of a large image, and of rows that are large as well: 5.6 MB
// of hexadecimal digits each, half of that when compressed.
func (w *world) wide(file string) {
	w.t.Helper()
	type record struct {
		Path string `parquet:"path"`
		Pad  string `parquet:"pad"`
	}
	out := []record{{Path: "large:0"}, {Path: "404:1"}}
	for i := range out {
		noise := make([]byte, 2800<<10)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(noise) // never fails
		out[i].Pad = hex.EncodeToString(noise)
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, out); err != nil {
		w.t.Fatal(err)
	}
	if err := w.dataset.Write(w.t.Context(), file, b.Bytes(), nil); err != nil {
		w.t.Fatal(err)
	}
}
