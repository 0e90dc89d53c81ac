package storing

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/s3test"
	"sluice/pipeline"
)

// wantFault fails unless err is one line of a store that is at fault.
func wantFault(t *testing.T, s *Store, what string, err error, says string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: no error", what)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist):
		t.Errorf("%s: a fault was taken for an answer: %v", what, err)
	case !strings.HasPrefix(err.Error(), s.URL()+": "), strings.Contains(err.Error(), "\n"), !strings.Contains(err.Error(), says):
		t.Errorf("%s: %v; want one line that begins with the store and says %q", what, err, says)
	}
}

// everyOperation tries each, all at once: the SDKs wait seconds between their
// attempts.
func everyOperation(t *testing.T, s *Store) map[string]error {
	t.Helper()
	operations := map[string]func() error{
		"stat":   func() error { _, err := s.Stat(t.Context(), "k"); return err },
		"read":   func() error { _, err := s.Read(t.Context(), "k"); return err },
		"open":   func() error { _, err := s.Open(t.Context(), "k"); return err },
		"write":  func() error { return s.Write(t.Context(), "k", []byte("x"), nil) },
		"delete": func() error { return s.Delete(t.Context(), "k") },
		"list": func() (err error) {
			for _, err = range s.List(t.Context(), "") {
			}
			return err
		},
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := map[string]error{}
	for name, operate := range operations {
		wg.Go(func() {
			err := operate()
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	wg.Wait()
	return errs
}

func TestAFolderThatWentAwayIsAFault(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var listErr error
	for _, listErr = range s.List(t.Context(), "") {
	}
	_, readErr := s.Read(t.Context(), "k")
	_, openErr := s.Open(t.Context(), "k")
	writeErr := s.Write(t.Context(), "k", nil, nil)
	for op, err := range map[string]error{"list": listErr, "read": readErr, "open": openErr, "write": writeErr} {
		wantFault(t, s, op, err, "no such file or directory")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a write made it again")
	}
}

func TestAFullDiskIsRecognised(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("sluice-test", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	s := mustOpen(t, dir)
	write(t, s, "before", "x")
	err := s.Write(t.Context(), "k", noise(1, 1<<20), nil)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want ENOSPC", err)
	}
	wantFault(t, s, "write", err, "no space left on device")
	err = s.Stream(t.Context(), "k", func(w io.Writer) error {
		_, _ = w.Write(noise(1, 1<<20))
		return nil // does not look
	}, nil)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want ENOSPC", err)
	}
	wantKeys(t, s, "", "before")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%d files, %v; want the one from before", len(left), err)
	}
}

// between puts hook between a store and a real S3 server. A hook that returns
// true has answered itself.
func between(t *testing.T, hook func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool) *Store {
	t.Helper()
	server := s3test.Start(t)
	bucket := server.Bucket(t, "bucket")
	endpoint, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(endpoint)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy.Transport = transport
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hook(w, r, proxy) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return mustOpen(t, strings.Replace(bucket, url.QueryEscape(server.Endpoint), url.QueryEscape(front.URL), 1))
}

// loseAnswers does what is asked and closes the connection instead of answering.
func loseAnswers(_ http.ResponseWriter, r *http.Request, forward http.Handler) bool {
	if r.Method != http.MethodPut && (r.Method != http.MethodPost || !r.URL.Query().Has("uploadId")) || r.URL.Query().Has("partNumber") {
		return false
	}
	forward.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func TestALostAnswerIsNoLostWrite(t *testing.T) {
	s := between(t, loseAnswers)
	large := noise(7, 12<<20)
	var wg sync.WaitGroup
	for name, opts := range map[string]*pipeline.WriteOptions{"plain": nil, "if absent": {IfAbsent: true}} {
		wg.Go(func() {
			if err := s.Write(t.Context(), name, []byte("bytes"), opts); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		wg.Go(func() {
			key := name + ", in parts"
			err := s.Stream(t.Context(), key, func(w io.Writer) error {
				_, err := w.Write(large)
				return err
			}, opts)
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
			got, err := s.Read(t.Context(), key)
			if err != nil || !bytes.Equal(got, large) {
				t.Errorf("%s: %d bytes, %v", key, len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestAnotherObjectIsNoLostAnswer(t *testing.T) {
	var down atomic.Bool
	s := between(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if down.Load() && r.Method == http.MethodPut {
			w.WriteHeader(http.StatusConflict)
			return true
		}
		return false
	})
	write(t, s, "k", "others")
	down.Store(true)
	if err := s.Write(t.Context(), "k", []byte("mine"), &pipeline.WriteOptions{IfAbsent: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("409 while another object is there: %v, want fs.ErrExist", err)
	}
	wantFault(t, s, "409 to a plain write", s.Write(t.Context(), "k", []byte("mine"), nil), "409")
	wantFault(t, s, "409 while nothing is there", s.Write(t.Context(), "new", nil, &pipeline.WriteOptions{IfAbsent: true}), "409")
	wantBody(t, s, "k", "others")
}

func TestAnS3ThatIsDownIsAFault(t *testing.T) {
	s := between(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	for op, err := range everyOperation(t, s) {
		wantFault(t, s, op, err, "503")
	}
}

// What is left of an answer that never came is io.EOF, in the error's chain: that
// is no end of a listing or of an object.
func TestAnS3ThatHangsUpIsAFault(t *testing.T) {
	s := between(t, func(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) })
	for op, err := range everyOperation(t, s) {
		wantFault(t, s, op, err, "EOF")
	}
}

func TestFaultsOfBucketsAreNoMissingObjects(t *testing.T) {
	server := s3test.Start(t)
	server.Bucket(t, "bucket")
	query := server.Query()
	for _, c := range []struct{ name, url, says string }{
		{"no such bucket", "s3://none?" + query, ""},
		{"no such server", "s3://bucket?endpoint=http://127.0.0.1:1&region=x&use_path_style=true", "connection refused"},
		{"anonymous", "s3://bucket?anonymous=true&" + query, "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, c.url)
			for op, err := range everyOperation(t, s) {
				if op != "delete" || c.name != "no such bucket" { // what is nowhere is deleted
					wantFault(t, s, op, err, c.says)
				}
			}
		})
	}
}

// The two below stand in for services that cannot be run here: they check what
// is made of an error, not that the drivers work.

func TestAnErrorOfAzureIsOneLineWithoutSignature(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-error-code", "AuthorizationFailure")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(front.Close)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", "c2VjcmV0")
	s := mustOpen(t, "azblob://container/p?protocol=http&domain="+strings.TrimPrefix(front.URL, "http://"))
	for op, err := range everyOperation(t, s) {
		wantFault(t, s, op, err, "AuthorizationFailure (HTTP status 403)")
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestForbiddenByGCSIsNoMissingObject(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error": {"code": 403, "message": "no access\nto this"}}`)
	}))
	t.Cleanup(front.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(front.URL, "http://"))
	s := mustOpen(t, "gs://bucket/p?anonymous=true")
	for op, err := range everyOperation(t, s) {
		wantFault(t, s, op, err, "403")
	}
	http.DefaultClient.CloseIdleConnections()
}
