package fetching

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/pipeline"
)

func TestRedirects(t *testing.T) {
	var asked atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Referer") != "" {
			t.Error("the origin was told where the redirect was")
		}
		var left int
		switch n, _ := fmt.Sscanf(r.URL.Path, "/hop/%d", &left); {
		case r.URL.Path == "/loop":
			http.Redirect(w, r, "/loop", http.StatusMovedPermanently)
		case r.URL.Path == "/nowhere":
			w.Header().Set("Location", "http://[")
			w.WriteHeader(http.StatusFound)
		case r.URL.Path == "/port":
			w.Header().Set("Location", "http://example.org:99999/")
			w.WriteHeader(http.StatusFound)
		case r.URL.Path == "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case n == 1 && left > 0:
			http.Redirect(w, r, fmt.Sprintf("/hop/%d", left-1), []int{301, 302, 303, 307, 308}[left%5])
		default:
			fmt.Fprint(w, "image")
		}
	})
	f := newFetcher(t, Options{})
	body, err := fetch(t, f, server.URL+"/hop/5")
	if err != nil || string(body.Bytes) != "image" {
		t.Errorf("five redirects: %q, %v", body.Bytes, err)
	}
	_, err = fetch(t, f, server.URL+"/hop/6")
	wantClass(t, err, pipeline.Redirect)
	asked.Store(0)
	_, err = fetch(t, f, server.URL+"/loop")
	wantClass(t, err, pipeline.Redirect)
	if n := asked.Load(); n != 6 {
		t.Errorf("a loop was asked %d times", n)
	}
	_, err = fetch(t, newFetcher(t, Options{MaxRedirects: -1}), server.URL+"/hop/1")
	wantClass(t, err, pipeline.Redirect)
	for _, path := range []string{"/nowhere", "/port"} { // the source itself is valid
		_, err = fetch(t, f, server.URL+path)
		wantClass(t, err, pipeline.Redirect)
	}
	_, err = fetch(t, f, server.URL+"/file")
	wantClass(t, err, pipeline.Blocked)
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	var target atomic.Value
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", target.Load().(string))
		w.WriteHeader(http.StatusFound)
	})
	f := newFetcher(t, Options{AllowNets: loopback, Timeouts: Timeouts{Connect: time.Second}})
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for _, host := range []string{
		"169.254.169.254",            // metadata
		"[::1]",                      // only IPv4 is allowed
		"168.63.129.16",              // Azure's WireServer, of public addresses
		"[::ffff:168.63.129.16]",     // mapped
		"[::ffff:169.254.169.254]",   // the same of metadata
		"[::ffff:a9fe:a9fe]",         // in hex
		"[64:ff9b::169.254.169.254]", // NAT64
		"[2002:7f00:1::]",            // 6to4
		"[2001:0:7f00:1::]",          // Teredo
		"[fe80::1%25lo]",             // link-local
		"[fd00:ec2::254]",            // unique local
		"[::]",
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"100.64.0.1", // carrier-grade NAT
		"172.16.0.1",
		"192.168.0.1",
		"224.0.0.1",
		"255.255.255.255",
		"2852039166",          // 169.254.169.254 as a number
		"0251.0376.0251.0376", // in octal
		"0xa9.0xfe.0xa9.0xfe", // in hex
		"169.254.43518",       // with a short end
		"2130706433",          // 127.0.0.1, which is allowed when it is spelled so
		"0177.0.0.1",
	} {
		t.Run(host, func(t *testing.T) {
			_, err := fetch(t, f, "http://"+host+port+"/")
			wantClass(t, err, pipeline.Blocked)
			target.Store("http://" + host + port + "/")
			_, err = fetch(t, f, server.URL)
			wantClass(t, err, pipeline.Blocked)
			_, err = fetch(t, f, "https://"+host+port+"/")
			wantClass(t, err, pipeline.Blocked)
		})
	}
	t.Run("by default loopback", func(t *testing.T) {
		_, err := fetch(t, newFetcher(t, Options{AllowNets: []netip.Prefix{}}), server.URL)
		wantClass(t, err, pipeline.Blocked)
	})
	t.Run("a name for loopback", func(t *testing.T) {
		_, err := fetch(t, newFetcher(t, Options{AllowNets: []netip.Prefix{}}), "http://localhost"+port)
		wantClass(t, err, pipeline.Blocked)
	})
}
