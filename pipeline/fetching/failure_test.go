package fetching

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/pipeline"
)

func TestStatuses(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if wait := r.URL.Query().Get("wait"); wait != "" {
			w.Header().Set("Retry-After", wait)
		}
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			fmt.Fprint(w, "a page that says so")
		}
	})
	date := "?wait=" + strings.ReplaceAll(time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat), " ", "%20")
	for _, c := range []struct {
		path  string
		class pipeline.Class
	}{
		{"/202", pipeline.HTTP5xx},
		{"/204", pipeline.Empty},
		{"/206", pipeline.HTTP5xx},
		{"/300", pipeline.Redirect},
		{"/302", pipeline.Redirect}, // without a Location
		{"/304", pipeline.HTTP5xx},
		{"/401", pipeline.HTTP4xx},
		{"/403", pipeline.HTTP4xx},
		{"/404", pipeline.HTTP4xx},
		{"/404?wait=7", pipeline.HTTP4xx},
		{"/410", pipeline.HTTP4xx},
		{"/429", pipeline.RateLimited},
		{"/429?wait=7", pipeline.RateLimited},
		{"/429" + date, pipeline.RateLimited},
		{"/500", pipeline.HTTP5xx},
		{"/503", pipeline.HTTP5xx},
		{"/503?wait=7", pipeline.RateLimited},
		{"/503" + date, pipeline.RateLimited},
		{"/999", pipeline.HTTP4xx},
	} {
		t.Run(c.path, func(t *testing.T) {
			_, err := fetch(t, newFetcher(t, Options{}), server.URL+c.path)
			failed := rowError(t, err, c.class)
			if got := fmt.Sprint(failed.HTTPStatus); got != c.path[1:4] {
				t.Errorf("the status is %s", got)
			}
			least, most := time.Duration(0), time.Duration(0)
			switch {
			case strings.HasSuffix(c.path, "=7"):
				least, most = 7*time.Second, 7*time.Second
			case strings.Contains(c.path, "GMT"):
				least, most = 80*time.Second, 91*time.Second
			}
			if failed.RetryAfter < least || failed.RetryAfter > most {
				t.Errorf("to be retried after %v, want %v", failed.RetryAfter, most)
			}
		})
	}
}

func TestWhatGoesWrongOnTheWay(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})

	f := newFetcher(t, Options{})
	for _, c := range []struct {
		name, url string
		class     pipeline.Class
	}{
		{"nobody listens", nobody, pipeline.Connect},
		{"no answer", serveRaw(t, ""), pipeline.Connect},
		{"not HTTP", serveRaw(t, "SSH-2.0-OpenSSH_9.2\r\n"), pipeline.Connect},
		{"headers without an end", serveRaw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxHeader)), pipeline.Connect},
		{"fewer bytes than announced", serveRaw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew"), pipeline.Connect},
		{"chunks without an end", serveRaw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfew\r\n"), pipeline.Connect},
		{"a length that is none", serveRaw(t, "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n"), pipeline.Connect},
		{"a certificate of nobody", secure.URL, pipeline.TLS},
		{"no TLS at all", strings.Replace(plain.URL, "http:", "https:", 1), pipeline.TLS},
		{"no such host", "http://nobody.invalid/", pipeline.NoSuchHost},
		{"empty", plain.URL, pipeline.Empty},
		{"empty, of unknown length", serveRaw(t, "HTTP/1.1 200 OK\r\n\r\n"), pipeline.Empty},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fetch(t, f, c.url+"?token=hunter2")
			failed, ok := pipeline.AsRowError(err)
			if c.class == pipeline.NoSuchHost && ok && failed.Class == pipeline.DNS {
				t.Skip("no resolver here: ", failed.Message)
			}
			wantClass(t, err, c.class)
			if strings.Contains(failed.Message, "hunter2") {
				t.Errorf("the message gives a token away: %s", failed.Message)
			}
		})
	}
}

func TestAServerThatHangs(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/header":
		case "/body":
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "the first bytes")
			_ = http.NewResponseController(w).Flush()
		case "/around":
			http.Redirect(w, r, "/header", http.StatusFound)
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	const long = time.Hour
	quick := 50 * time.Millisecond
	for _, c := range []struct {
		path     string
		class    pipeline.Class
		timeouts Timeouts
	}{
		{"/header", pipeline.Timeout, Timeouts{FirstByte: quick, Total: long}},
		{"/around", pipeline.Timeout, Timeouts{FirstByte: quick, Total: long}},
		{"/header", pipeline.Timeout, Timeouts{FirstByte: long, Total: quick}},
		{"/body", pipeline.Timeout, Timeouts{Total: quick, FloorWindow: long}},
		{"/body", pipeline.TooSlow, Timeouts{Total: long, FloorWindow: quick}},
	} {
		t.Run(c.path+" "+string(c.class), func(t *testing.T) {
			_, err := fetch(t, newFetcher(t, Options{Timeouts: c.timeouts}), server.URL+c.path)
			wantClass(t, err, c.class)
		})
	}
}

func TestAHandshakeThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := newFetcher(t, Options{Timeouts: Timeouts{TLS: 50 * time.Millisecond}})
	_, err = fetch(t, f, "https://"+l.Addr().String())
	wantClass(t, err, pipeline.Timeout)
}

func TestABodyThatDrips(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			fmt.Fprint(w, ".")
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
	})
	f := newFetcher(t, Options{Timeouts: Timeouts{Floor: 10_000, FloorWindow: 100 * time.Millisecond}})
	_, err := fetch(t, f, server.URL)
	wantClass(t, err, pipeline.TooSlow)
}

func TestAConnectionThatIsReset(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, strings.Repeat("x", 50_000))
		_ = http.NewResponseController(w).Flush()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset, not an end
		_ = conn.Close()
	})
	_, err := fetch(t, newFetcher(t, Options{}), server.URL)
	if failed := rowError(t, err, pipeline.Connect); failed.HTTPStatus != 200 {
		t.Errorf("the status is %d", failed.HTTPStatus)
	}
}
