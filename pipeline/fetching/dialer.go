package fetching

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// fallbackDelay is how long the first family of addresses has to connect before
// the other one is tried beside it: what RFC 8305 and the net package take.
const fallbackDelay = 300 * time.Millisecond

// dialer connects to hosts by way of the names' cache. Each address is checked
// by the net dialer's Control as it is dialled.
type dialer struct {
	net     *net.Dialer
	names   *names
	timeout time.Duration // with the resolving of the name
	// connected is told which address a host was reached at.
	connected func(host, port string, at netip.Addr)
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	addrs := make([]netip.Addr, 1)
	if addrs[0], err = netip.ParseAddr(host); err != nil {
		if addrs, err = d.names.resolve(ctx, host); err != nil {
			return nil, err
		}
	}
	conn, err := d.race(ctx, network, addrs, port)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		d.connected(host, port, tcp.AddrPort().Addr().Unmap())
	}
	return conn, nil
}

// race dials the addresses of the family that the resolver put first, and those
// of the other one too if that takes long or fails.
func (d *dialer) race(ctx context.Context, network string, addrs []netip.Addr, port string) (net.Conn, error) {
	var first, second []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	if len(second) == 0 {
		return d.each(ctx, network, first, port)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	run := func(addrs []netip.Addr) {
		conn, err := d.each(ctx, network, addrs, port)
		select {
		case results <- result{conn, err}:
		case <-ctx.Done(): // the other one was first
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	go run(first)
	fallback := time.NewTimer(fallbackDelay)
	defer fallback.Stop()
	var failed error
	for running, started := 1, false; ; {
		select {
		case <-fallback.C:
			if !started {
				started = true
				running++
				go run(second)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			if failed == nil {
				failed = r.err
			}
			if running--; !started {
				fallback.Reset(0)
			} else if running == 0 {
				return nil, failed
			}
		case <-ctx.Done():
			if failed == nil {
				failed = ctx.Err()
			}
			return nil, failed
		}
	}
}

// each dials one address after the other, each for its share of the time.
func (d *dialer) each(ctx context.Context, network string, addrs []netip.Addr, port string) (net.Conn, error) {
	var failed error
	for i, a := range addrs {
		conn, err := d.one(ctx, network, net.JoinHostPort(a.String(), port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		if failed == nil {
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// one dials an address for its share of the time: some is left for the others.
func (d *dialer) one(ctx context.Context, network, address string, shares int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		const least = 2 * time.Second
		share := max(time.Until(end)/time.Duration(shares), least)
		within, cancel := context.WithTimeout(ctx, share)
		defer cancel()
		ctx = within
	}
	return d.net.DialContext(ctx, network, address)
}
