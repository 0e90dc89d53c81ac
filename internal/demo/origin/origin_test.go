package origin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFilesAreServedAndEachRequestIsLogged(t *testing.T) {
	folder, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(filepath.Join(folder, "a b.jpg"), []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	srv := httptest.NewServer(Handler(folder, Options{Log: f}))
	defer srv.Close()
	for _, uri := range []string{"/a%20b.jpg", "/a%20b.jpg?pass=2", "/a%20b.jpg"} {
		if body := get(t, srv.URL+uri); body != "bytes" {
			t.Errorf("%s: %q", uri, body)
		}
	}
	requests, err := ReadLog(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) != 3 || Distinct(requests) != 2 || requests[1].URI != "/a%20b.jpg?pass=2" {
		t.Errorf("logged %v", requests)
	}
}

func TestLatencyIsWaited(t *testing.T) {
	const latency = 50 * time.Millisecond
	srv := httptest.NewServer(Handler(t.TempDir(), Options{Latency: latency}))
	defer srv.Close()
	begun := time.Now()
	get(t, srv.URL)
	if took := time.Since(begun); took < latency {
		t.Errorf("answered after %v", took)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
