package fetching

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/pipeline"
)

// inFakeTime runs a test on a host with limits.
func inFakeTime(t *testing.T, limits hostLimits, test func(t *testing.T, h *host)) {
	synctest.Test(t, func(t *testing.T) { test(t, &host{limits: limits}) })
}

func take(t *testing.T, h *host) *place {
	t.Helper()
	p, err := h.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused is what waiting for a place comes to.
func refused(t *testing.T, h *host) error {
	t.Helper()
	_, err := h.wait(t.Context())
	return err
}

func TestAHostHasSoManyPlaces(t *testing.T) {
	inFakeTime(t, hostLimits{connections: 2}, func(t *testing.T, h *host) {
		first := take(t, h)
		take(t, h)
		if p, err := h.try(); p != nil || err != nil {
			t.Errorf("a third place: %v, %v", p, err)
		}
		given, giveUp := context.WithCancel(t.Context())
		go func() { _, _ = h.wait(given) }()
		synctest.Wait()
		next := make(chan error, 1)
		go func() { next <- refused(t, h) }()
		synctest.Wait()
		giveUp()
		synctest.Wait()
		h.done(first, nil)
		if err := <-next; err != nil {
			t.Error(err)
		}
		if h.limit(0); h.busy != 2 {
			t.Errorf("%d places are held", h.busy)
		}
		if p, _ := h.try(); p == nil {
			t.Error("there is a limit still")
		}
	})
}

func TestAHostsRate(t *testing.T) {
	inFakeTime(t, hostLimits{pause: 250 * time.Millisecond}, func(t *testing.T, h *host) {
		begun := time.Now()
		for range 5 {
			h.done(take(t, h), nil)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("5 requests at 4 a second took %v", took)
		}
	})
}

func TestAHostThatAsksForAPause(t *testing.T) {
	limited := func(wait time.Duration) *pipeline.RowError {
		return &pipeline.RowError{Class: pipeline.RateLimited, RetryAfter: wait}
	}
	t.Run("a short one is waited out", func(t *testing.T) {
		inFakeTime(t, hostLimits{}, func(t *testing.T, h *host) {
			h.done(take(t, h), limited(3*time.Second))
			begun := time.Now()
			take(t, h)
			if took := time.Since(begun); took != 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("a long one defers those who wait, too", func(t *testing.T) {
		inFakeTime(t, hostLimits{connections: 1}, func(t *testing.T, h *host) {
			p := take(t, h)
			queued := make(chan error, 1)
			go func() { queued <- refused(t, h) }()
			synctest.Wait()
			h.done(p, limited(time.Hour))
			_, now := h.try()
			for _, err := range []error{<-queued, now, refused(t, h)} {
				if e := rowError(t, err, pipeline.RateLimited); e.RetryAfter != time.Hour {
					t.Errorf("after %v", e.RetryAfter)
				}
			}
			pass(time.Hour)
			take(t, h)
		})
	})
}

// One that only fails is left alone, then asked once now and then.
func TestAHostThatOnlyFails(t *testing.T) {
	inFakeTime(t, hostLimits{}, func(t *testing.T, h *host) {
		down := pipeline.Fail(pipeline.Connect, "refused")
		for range breakAfter {
			h.done(take(t, h), down)
		}
		if e := rowError(t, refused(t, h), pipeline.Connect); !strings.Contains(e.Message, "refused") || e.RetryAfter != coolFirst {
			t.Errorf("%s, %v", e.Message, e.RetryAfter)
		}
		pass(coolFirst)
		trial := take(t, h)
		if p, err := h.try(); p != nil || err != nil {
			t.Errorf("beside the trial: %v, %v", p, err)
		}
		queued := make(chan error, 1)
		go func() { queued <- refused(t, h) }()
		synctest.Wait()
		h.done(trial, down)
		if e := rowError(t, <-queued, pipeline.Connect); e.RetryAfter != 2*coolFirst {
			t.Errorf("after a trial that failed: %v", e.RetryAfter)
		}
		pass(2 * coolFirst)
		h.done(take(t, h), pipeline.Fail(pipeline.HTTP4xx, "it answers"))
		take(t, h)
		take(t, h)
	})
}

// Requests that had begun before the host was left alone end during the trial:
// they are not it.
func TestOneTrialAtATime(t *testing.T) {
	inFakeTime(t, hostLimits{}, func(t *testing.T, h *host) {
		down := pipeline.Fail(pipeline.Connect, "refused")
		late, later := take(t, h), take(t, h)
		for range breakAfter {
			h.done(take(t, h), down)
		}
		pass(coolFirst)
		trial := take(t, h)
		h.done(late, down)
		h.abandon(later)
		if p, err := h.try(); p != nil || err != nil {
			t.Errorf("a second trial: %v, %v", p, err)
		}
		h.done(trial, down)
		if e := rowError(t, refused(t, h), pipeline.Connect); e.RetryAfter != 2*coolFirst {
			t.Errorf("after a trial that failed: %v", e.RetryAfter)
		}
	})
}

// One that drips holds a place for longer than one that is down.
func TestAHostThatIsAlwaysTooSlow(t *testing.T) {
	inFakeTime(t, hostLimits{}, func(t *testing.T, h *host) {
		for range breakAfter {
			h.done(take(t, h), pipeline.Fail(pipeline.TooSlow, "it drips"))
		}
		if e := rowError(t, refused(t, h), pipeline.TooSlow); e.RetryAfter != coolFirst {
			t.Errorf("it is left alone for %v", e.RetryAfter)
		}
	})
}

func TestHostsByNameAndPort(t *testing.T) {
	own := netip.MustParsePrefix("10.0.0.0/8")
	of := func(h *hosts, source string) *host {
		u, err := parseURL(source)
		if err != nil {
			t.Fatal(err)
		}
		return h.of(u)
	}
	h := newHosts(Options{AllowNets: []netip.Prefix{own}})
	if of(h, "http://Example.org/a") != of(h, "http://example.org.:80/b") {
		t.Error("one host is taken for two")
	}
	if of(h, "http://example.org/") == of(h, "https://example.org/") {
		t.Error("two ports are taken for one")
	}
	for source, want := range map[string]int{"http://10.1.2.3/": 0, "http://192.0.2.1/": defaultPerHost, "http://name/": defaultPerHost} {
		if got := of(h, source).limits.connections; got != want {
			t.Errorf("%s has %d connections, want %d", source, got, want)
		}
	}
	h.connected("name", "80", netip.MustParseAddr("10.9.9.9"))
	if got := of(h, "http://name/").limits.connections; got != 0 {
		t.Errorf("a host of the operator's own has %d connections", got)
	}
	h.connected("name", "80", netip.MustParseAddr("192.0.2.1"))
	if got := of(h, "http://name/").limits.connections; got != defaultPerHost {
		t.Errorf("one that moved away has %d connections", got)
	}
	all := newHosts(Options{AllowNets: []netip.Prefix{own}, PerHost: 3})
	if got := of(all, "http://10.1.2.3/").limits.connections; got != 3 {
		t.Errorf("the operator said 3, and there are %d", got)
	}
	busy := of(h, "http://busy/")
	if p, _ := busy.try(); p == nil {
		t.Fatal("no place")
	}
	for i := range 2 * knownHosts {
		of(h, fmt.Sprintf("http://h%d/", i))
	}
	if n := h.table.len(); n > knownHosts+1 {
		t.Errorf("%d hosts are known", n)
	}
	if of(h, "http://busy/") != busy {
		t.Error("a host was forgotten while it was asked")
	}
}
