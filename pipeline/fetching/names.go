package fetching

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

const (
	// Resolvers do not tell how long an answer holds, so it is kept for as long
	// as the shortest usual TTL; that a name does not exist, for long enough to
	// spare the rows that come together. That the resolver failed is not kept.
	nameTime   = time.Minute
	noNameTime = 10 * time.Second
	// knownNames bounds the cache: some 3 MB.
	knownNames = 10_000
	// lookups at a time: by libc each takes a thread, and many resolvers drop
	// what comes faster than they answer.
	lookups = 32
)

// names resolves the names of hosts, each once for all who ask, and keeps the
// answers for a while. What they resolve to is checked where it is dialled, by
// the guard, each time.
type names struct {
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	timeout time.Duration
	asking  singleflight.Group
	places  *semaphore.Weighted

	mu    sync.Mutex
	known *recent[answer]
}

// answer is what a name resolves to, or that it does not exist.
type answer struct {
	addrs []netip.Addr
	err   error
	until time.Time
}

func newNames(timeout time.Duration, lookup func(context.Context, string) ([]netip.Addr, error)) *names {
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return &names{
		lookup: lookup, timeout: timeout, places: semaphore.NewWeighted(lookups),
		known: newRecent(knownNames, func(answer) bool { return false }),
	}
}

// resolve returns the addresses of a host, in the resolver's order.
func (n *names) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	a, ok := n.known.get(host)
	n.mu.Unlock()
	if ok && time.Now().Before(a.until) {
		return a.addrs, a.err
	}
	// It serves all who ask for this name, so it does not end with one of them.
	result := n.asking.DoChan(host, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.timeout)
		defer cancel()
		return n.ask(ctx, host)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]netip.Addr), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *names) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	if err := n.places.Acquire(ctx, 1); err != nil {
		return nil, &net.DNSError{Err: "too many names are being resolved", Name: host, IsTimeout: true}
	}
	defer n.places.Release(1)
	addrs, err := n.lookup(ctx, host)
	a := answer{addrs: make([]netip.Addr, len(addrs)), until: time.Now().Add(nameTime)}
	for i, addr := range addrs {
		a.addrs[i] = addr.Unmap()
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		a.err, a.until = err, time.Now().Add(noNameTime)
	case errors.As(err, &dns):
		return nil, err
	case err != nil:
		return nil, &net.DNSError{Err: err.Error(), Name: host}
	case len(addrs) == 0:
		a.err = &net.DNSError{Err: "it has no address", Name: host, IsNotFound: true}
		a.until = time.Now().Add(noNameTime)
	}
	n.mu.Lock()
	n.known.put(host, a)
	n.mu.Unlock()
	return a.addrs, a.err
}
