package fetching

import (
	"context"
	"crypto/x509"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// newFetcher makes a fetcher that may ask servers of a test.
func newFetcher(t testing.TB, opts Options) *Fetcher {
	t.Helper()
	if opts.AllowNets == nil {
		opts.AllowNets = loopback
	}
	if opts.Retries == 0 {
		opts.Retries = -1 // for those who test them
	}
	f := New(opts)
	t.Cleanup(f.Close)
	return f
}

// newGrant admits a usual image, from pools that can hold more.
func newGrant(t testing.TB, usual int64) *pipeline.Grant {
	t.Helper()
	g, err := pipeline.NewAdmission(1<<30, 256<<20, 0).AdmitFetch(t.Context(), usual)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Release)
	return g
}

// fetch fetches a source of a dataset that is empty.
func fetch(t testing.TB, f *Fetcher, source string) (pipeline.Body, error) {
	t.Helper()
	return f.Fetch(t.Context(), dataset{}, source, newGrant(t, 1<<20))
}

// dataset is a store of objects by key. The real ones would bring every driver
// into this test, and into the instrumented build of its fuzz target.
type dataset struct {
	pipeline.Store // what fetching does not use
	objects        map[string]string
}

func (d dataset) URL() string { return "test://dataset" }

func (d dataset) Open(_ context.Context, key string) (pipeline.ObjectReader, error) {
	body, ok := d.objects[key]
	if !ok {
		return nil, fmt.Errorf("%s: %q: %w", d.URL(), key, fs.ErrNotExist)
	}
	return object{strings.NewReader(body)}, nil
}

type object struct{ *strings.Reader }

func (o object) Object() pipeline.Object { return pipeline.Object{Size: o.Size()} }
func (o object) Close() error            { return nil }

// wantClass fails unless err is a row's error of a class, in one line.
func wantClass(t testing.TB, err error, class pipeline.Class) {
	t.Helper()
	_ = rowError(t, err, class)
}

// rowError is wantClass for those who look closer.
func rowError(t testing.TB, err error, class pipeline.Class) *pipeline.RowError {
	t.Helper()
	failed, ok := pipeline.AsRowError(err)
	if !ok || failed.Class != class {
		t.Fatalf("%v, want %s", err, class)
	}
	if failed.Message == "" || strings.Contains(failed.Message, "\n") {
		t.Errorf("the message is %q, want one line", failed.Message)
	}
	return failed
}

// serve starts a server of one handler.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// serveRaw answers each connection's first request with bytes, and closes it
// once the test ends or the client does.
func serveRaw(t testing.TB, answer string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = fmt.Fprint(conn, answer)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

func TestFetchesOverHTTP(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("User-Agent"); got != DefaultUserAgent {
			t.Errorf("the user agent is %q", got)
		}
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("accepted encodings are %q", got)
		}
		fmt.Fprint(w, "an image at ", r.RequestURI)
	})
	f := newFetcher(t, Options{})
	body, err := fetch(t, f, server.URL+"/a b?q=%zz#fragment")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(body.Bytes), "an image at /a%20b?q=%25zz"; got != want || body.HTTPStatus != 200 {
		t.Errorf("%q with status %d, want %q with 200", got, body.HTTPStatus, want)
	}
	body.Free()
}

func TestFetchesOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " from ", r.RemoteAddr)
	}))
	server.EnableHTTP2 = true // on offer, and not taken
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	f := newFetcher(t, Options{roots: roots})
	var first string
	for range 2 {
		body, err := fetch(t, f, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		got := string(body.Bytes)
		if first == "" {
			first = got
		}
		if got != first || !strings.HasPrefix(got, "HTTP/1.1 ") {
			t.Errorf("%s, and then %s; want HTTP/1.1 over one connection", first, got)
		}
		body.Free()
	}
}

func TestTheCallersContextIsNoRowsError(t *testing.T) {
	arrived := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := newFetcher(t, Options{}).Fetch(ctx, nil, server.URL, newGrant(t, 1<<20))
	if err != context.Canceled { //nolint:errorlint // itself, and not something around it
		t.Errorf("%v, want context.Canceled itself", err)
	}
}

func TestDownloadsFromOneHostShareConnections(t *testing.T) {
	const inFlight = 200
	var all http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "image") }
	server := httptest.NewUnstartedServer(all)
	opened := make(chan struct{}, 10*inFlight)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	f := newFetcher(t, Options{})
	for range 3 {
		errs := make(chan error, inFlight)
		for range inFlight {
			go func() {
				body, err := fetch(t, f, server.URL)
				if err == nil {
					body.Free()
				}
				errs <- err
			}()
		}
		for range inFlight {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(opened); n > inFlight {
		t.Errorf("%d connections for %d downloads at a time", n, inFlight)
	}
}
