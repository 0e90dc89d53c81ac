package fetching

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pipeline"
)

func TestNamesAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, at, most atomic.Int64
		n := newNames(10*time.Second, func(_ context.Context, host string) ([]netip.Addr, error) {
			asked.Add(1)
			if now := at.Add(1); now > most.Load() {
				most.Store(now)
			}
			defer at.Add(-1)
			pass(time.Second)
			switch host {
			case "none":
				return nil, &net.DNSError{Name: host, IsNotFound: true}
			case "broken":
				return nil, &net.DNSError{Name: host, IsTemporary: true}
			}
			return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1")}, nil
		})
		resolve := func(host string, want int64, class pipeline.Class) {
			t.Helper()
			before := asked.Load()
			addrs, err := n.resolve(t.Context(), host)
			if class == "" && (err != nil || !addrs[0].Is4()) {
				t.Errorf("%s: %v, %v", host, addrs, err)
			} else if class != "" && failure(err).Class != class {
				t.Errorf("%s: %v", host, err)
			}
			if got := asked.Load() - before; got != want {
				t.Errorf("%s: the resolver was asked %d times, want %d", host, got, want)
			}
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = n.resolve(t.Context(), "together") })
		}
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times for one name", asked.Load())
		}
		resolve("h", 1, "")
		resolve("h", 0, "")
		resolve("none", 1, pipeline.NoSuchHost)
		resolve("none", 0, pipeline.NoSuchHost)
		resolve("broken", 1, pipeline.DNS)
		resolve("broken", 1, pipeline.DNS)
		pass(noNameTime)
		resolve("none", 1, pipeline.NoSuchHost)
		resolve("h", 0, "")
		pass(nameTime)
		resolve("h", 1, "")
		for i := range 200 {
			wg.Go(func() { _, _ = n.resolve(t.Context(), strings.Repeat("x", i+1)) })
		}
		wg.Wait()
		if most.Load() != lookups {
			t.Errorf("%d lookups at a time, want %d", most.Load(), lookups)
		}
	})
}

// A name is checked by what it resolves to, each time that it is dialled; one of
// several addresses that answers is enough.
func TestNamesAndAddresses(t *testing.T) {
	url, _ := flaky(t, 200, 0)
	port := url[strings.LastIndexByte(url, ':'):]
	for _, c := range []struct {
		name  string
		addrs []string
		class pipeline.Class
	}{
		{"one", []string{"127.0.0.1"}, ""},
		{"the second of a family", []string{"127.9.9.9", "127.0.0.1"}, ""},
		{"the other family", []string{"2001:db8::1", "127.0.0.1"}, ""},
		{"metadata", []string{"169.254.169.254"}, pipeline.Blocked},
		{"metadata first", []string{"169.254.169.254", "127.0.0.1"}, ""},
		{"mapped", []string{"::ffff:10.0.0.1"}, pipeline.Blocked},
		{"IPv6 loopback", []string{"::1"}, pipeline.Blocked},
		{"nowhere", nil, pipeline.NoSuchHost},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFetcher(t, Options{lookup: func(context.Context, string) ([]netip.Addr, error) {
				var all []netip.Addr
				for _, a := range c.addrs {
					all = append(all, netip.MustParseAddr(a))
				}
				return all, nil
			}})
			body, err := fetch(t, f, "http://name.test"+port)
			if c.class != "" {
				wantClass(t, err, c.class)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body.Free()
		})
	}
}
