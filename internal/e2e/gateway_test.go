package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/s3test"
)

// gateway stands before an S3 server, and answers as it is told. The server sees
// the request as it was signed.
type gateway struct {
	s3   *s3test.Server // by way of the gateway
	pass http.Handler

	mu     sync.Mutex
	answer func(g *gateway, w http.ResponseWriter, req *http.Request) // nil passes on
	marred int                                                        // requests that were answered otherwise
}

func newGateway(t *testing.T, s3 *s3test.Server) *gateway {
	t.Helper()
	to, err := url.Parse(s3.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{pass: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.s3 = s3.Via(server.URL)
	return g
}

// bucket is the URL of a folder in a new bucket, by way of the gateway.
func (g *gateway) bucket(t *testing.T, name string) string {
	t.Helper()
	return strings.Replace(g.s3.Bucket(t, name), "?", "/photos?", 1)
}

// misbehave answers so from now on; nil is well.
func (g *gateway) misbehave(answer func(g *gateway, w http.ResponseWriter, req *http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = answer
}

// times is how often it has misbehaved.
func (g *gateway) times() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.marred
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	answer := g.answer
	if answer != nil {
		g.marred++
	}
	g.mu.Unlock()
	if answer == nil {
		g.pass.ServeHTTP(w, req)
		return
	}
	answer(g, w, req)
}

// Answers of S3 that went wrong.

// says is an error of S3's own.
func says(status int, code, message string) func(*gateway, http.ResponseWriter, *http.Request) {
	return func(_ *gateway, w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body) // whoever sends is to hear it
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	}
}

// slowly passes writes on after a while.
func slowly(by time.Duration) func(*gateway, http.ResponseWriter, *http.Request) {
	return func(g *gateway, w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut || req.Method == http.MethodPost {
			select {
			case <-time.After(by):
			case <-req.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		g.pass.ServeHTTP(w, req)
	}
}

// cutSending resets the connection in the middle of what a request sends.
func cutSending(_ *gateway, w http.ResponseWriter, req *http.Request) {
	_, _ = io.CopyN(io.Discard, req.Body, max(req.ContentLength/2, 0))
	reset(w)
}

// cutAnswer resets the connection when the server has done what it was asked,
// and has not said so.
func cutAnswer(g *gateway, w http.ResponseWriter, req *http.Request) {
	g.pass.ServeHTTP(httptest.NewRecorder(), req)
	reset(w)
}

// cutBody resets the connection in the middle of what the server sends, and of
// what is sent to it.
func cutBody(g *gateway, w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		cutSending(g, w, req)
		return
	}
	all := httptest.NewRecorder()
	g.pass.ServeHTTP(all, req)
	for name, values := range all.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(all.Code)
	_, _ = w.Write(all.Body.Bytes()[:all.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // closes with a reset
	}
	_ = conn.Close()
}
