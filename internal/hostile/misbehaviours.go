package hostile

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sluice/pipeline"
)

// misbehaviours are hosts that answer badly, or well and oddly.
var misbehaviours = []Case{
	{Name: "a photograph", Serve: whole},
	{Name: "large, beside those that hold much", Serve: heavy, Within: 10 * time.Second},
	{Name: "announces much and drips", Class: pipeline.TooSlow, Serve: announced(26 << 20), Rows: 8},
	{Name: "of no announced length", Serve: func(w http.ResponseWriter, _ *http.Request) { chunked(w, photo()) }},
	{Name: "said to be text", Serve: with("Content-Type", "text/html", whole)},
	{Name: "gzipped unasked", Serve: gzipped(photo())},
	{Name: "said to be gzipped", Serve: with("Content-Encoding", "gzip", whole)},
	{Name: "well at the third try", Serve: wellAfter(2, status(500))},
	{Name: "busy for 7 s, then well", Serve: wellAfter(1, with("Retry-After", "7", status(429)))},
	{Name: "Unicode, spaces and percents", Path: "/é 100%/写.jpg?a b#c", Serve: at("/é 100%/写.jpg", whole)},

	{Name: "drips", Class: pipeline.TooSlow, Serve: drip},
	{Name: "stops in mid-body", Class: pipeline.TooSlow, Conn: raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfew", true)},
	{Name: "never answers", Class: pipeline.Timeout, Conn: raw("", true)},
	{Name: "never ends its headers", Class: pipeline.Timeout, Conn: dripHeaders},
	{Name: "hangs up at once", Class: pipeline.Connect, Conn: func(net.Conn) {}},
	{Name: "resets in mid-body", Class: pipeline.Connect, Conn: reset},
	{Name: "speaks no HTTP", Class: pipeline.Connect, Conn: raw("SSH-2.0-OpenSSH_9.2\r\n", false)},
	{Name: "a megabyte of headers", Class: pipeline.Connect, Conn: raw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n", false)},
	{Name: "announces more than comes", Class: pipeline.Connect, Conn: raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfew", false)},
	{Name: "announces less than comes", Class: pipeline.Truncated, Conn: raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(photo())/2, photo()), false)},
	{Name: "announces a terabyte", Class: pipeline.TooLarge, Conn: raw("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nfew", false)},
	{Name: "never ends its body", Class: pipeline.TooLarge, Serve: endless},
	{Name: "a gzip bomb", Class: pipeline.TooLarge, Serve: bomb},
	{Name: "empty", Class: pipeline.Empty, Serve: status(200)},
	{Name: "204", Class: pipeline.Empty, Serve: status(204)},
	{Name: "206 that nobody asked for", Class: pipeline.HTTP5xx, Serve: with("Content-Range", "bytes 0-9/99", status(206))},
	{Name: "304 that nobody asked for", Class: pipeline.HTTP5xx, Serve: status(304)},
	{Name: "403", Class: pipeline.HTTP4xx, Serve: status(403)},
	{Name: "404", Class: pipeline.HTTP4xx, Serve: status(404)},
	{Name: "429", Class: pipeline.RateLimited, Serve: status(429)},
	{Name: "429 for 6 s", Class: pipeline.RateLimited, Serve: with("Retry-After", "6", status(429))},
	{Name: "429 until a date", Class: pipeline.RateLimited, Serve: until},
	{Name: "500", Class: pipeline.HTTP5xx, Serve: status(500)},
	{Name: "503", Class: pipeline.HTTP5xx, Serve: status(503)},
	{Name: "503 for 1 s", Class: pipeline.RateLimited, Serve: with("Retry-After", "1", status(503))},
	{Name: "a certificate of nobody", Class: pipeline.TLS, TLS: true, Serve: whole},
	{Name: "no TLS behind https", Class: pipeline.TLS, TLS: true, Conn: raw("HTTP/1.1 400 Bad Request\r\n\r\n", false)},
	{Name: "a handshake that hangs", Class: pipeline.Timeout, TLS: true, Conn: raw("", true)},
}

// directives are of X-Robots-Tag.
var directives = []Case{
	{Name: "noai", Class: pipeline.Disallowed, Serve: with("X-Robots-Tag", "noai", whole)},
	{Name: "noimageai among others", Class: pipeline.Disallowed, Serve: with("X-Robots-Tag", "nofollow, NoImageAI", whole)},
	{Name: "noindex", Class: pipeline.Disallowed, Serve: with("X-Robots-Tag", "noindex", whole)},
	{Name: "noimageindex after a date", Class: pipeline.Disallowed, Serve: with("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST, noimageindex", whole)},
	{Name: "noai for us", Class: pipeline.Disallowed, Serve: with("X-Robots-Tag", "sluice: noai", whole)},
	{Name: "noai for another", Serve: with("X-Robots-Tag", "otherbot: noai", whole)},
	{Name: "no directive against us", Serve: with("X-Robots-Tag", "nofollow, nosnippet", whole)},
}

func whole(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(photo()) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func with(header, value string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(header, value)
		serve(w, r)
	}
}

func at(path string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		serve(w, r)
	}
}

// wellAfter answers with the photograph once it has failed so often.
func wellAfter(fails int64, fail http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= fails {
			fail(w, r)
			return
		}
		whole(w, r)
	}
}

func until(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", time.Now().Add(6*time.Second).UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusTooManyRequests)
}

func chunked(w http.ResponseWriter, body []byte) {
	for len(body) > 0 {
		n := min(100, len(body))
		_, _ = w.Write(body[:n])
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
	}
}

func gzipped(body []byte) http.HandlerFunc {
	return with("Content-Encoding", "gzip", func(w http.ResponseWriter, _ *http.Request) {
		z := gzip.NewWriter(w)
		_, _ = z.Write(body)
		_ = z.Close()
	})
}

// bomb is a gigabyte in one megabyte.
func bomb(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // a level that there is
	zeros := make([]byte, 1<<20)
	for range 1024 {
		if _, err := z.Write(zeros); err != nil {
			return
		}
	}
	_ = z.Close()
}

func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := append(photo(), make([]byte, 1<<16)...)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// drip sends a byte a second.
func drip(w http.ResponseWriter, r *http.Request) {
	for _, c := range photo() {
		_, _ = w.Write([]byte{c})
		_ = http.NewResponseController(w).Flush()
		if !pass(r, time.Second) {
			return
		}
	}
}

// announced sends a megabyte of what it announces, and drips the rest.
func announced(length int) http.HandlerFunc {
	return with("Content-Length", strconv.Itoa(length), func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(append(photo(), make([]byte, 1<<20)...))
		drip(w, r)
	})
}

// heavy is the photograph with so much behind it that it has to grow.
func heavy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write(append(photo(), make([]byte, 1<<20)...))
}

func pass(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// raw answers a request with these bytes, and hangs up or hangs. Without bytes
// it does not even listen.
func raw(answer string, hang bool) func(net.Conn) {
	return func(conn net.Conn) {
		if answer != "" {
			_, _ = http.ReadRequest(bufio.NewReader(conn)) // whatever it is
			_, _ = io.WriteString(conn, answer)
		}
		if hang {
			_, _ = io.Copy(io.Discard, conn) // until it is closed
		}
	}
}

// dripHeaders sends a header a second.
func dripHeaders(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range 1000 {
		if _, err := fmt.Fprintf(conn, "X-%d: y\r\n", i); err != nil {
			return
		}
		<-tick.C
	}
}

// reset sends half of what it announces, then a reset.
func reset(conn net.Conn) {
	_, _ = http.ReadRequest(bufio.NewReader(conn)) // whatever it is
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(photo()), photo()[:len(photo())/2])
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an end
	}
}
