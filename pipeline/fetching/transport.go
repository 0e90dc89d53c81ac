package fetching

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	// idlePerHost is how many connections to one host wait for the next
	// request. net/http keeps 2: of 200 downloads from one host that end, it
	// would close 198 connections and then open as many.
	idlePerHost = 512
	// idleConns bounds them over all hosts, and idleTime in time: a crawl meets
	// a hundred new hosts a second, and each connection is a file descriptor.
	idleConns = 1024
	idleTime  = 30 * time.Second
	// maxHeader is eight times what servers commonly accept themselves. net/http
	// would hold 10 MB for each response.
	maxHeader = 64 << 10 // bytes
)

// newTransport makes the client's lower half. HTTP/1.1 only: over HTTP/2 the
// downloads from a host would share one connection, and with it one window of
// congestion.
func newTransport(opts Options, hosts *hosts) *http.Transport {
	t := opts.Timeouts
	dialer := &dialer{
		net:       &net.Dialer{Timeout: t.Connect, Control: guard(opts.AllowNets)},
		names:     newNames(t.Connect, opts.lookup),
		timeout:   t.Connect,
		connected: hosts.connected,
	}
	handshaker := &handshaker{
		dialer:  dialer,
		timeout: t.TLS,
		config: &tls.Config{
			RootCAs:    opts.roots,
			NextProtos: []string{"http/1.1"},
			// Connections to a host come and go; this halves their handshakes.
			ClientSessionCache: tls.NewLRUClientSessionCache(idleConns),
		},
	}
	return &http.Transport{
		// Through a proxy, the address that is dialled would be the proxy's.
		Proxy:                  nil,
		DialContext:            dialer.dial,
		DialTLSContext:         handshaker.dial,
		ResponseHeaderTimeout:  t.FirstByte,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           idleConns,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTime,
		// Else net/http would unpack what it asked for by itself, past MaxBytes.
		DisableCompression: true,
	}
}

// metadataV4 are services of clouds for their own machines, at addresses that
// look public.
var metadataV4 = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's WireServer hands out certificates and extensions' settings
}

// guard refuses addresses that are not public, unless they are allowed. It sees
// the address that is really dialled: after DNS, and after each redirect.
func guard(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	var v4, v6 []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	guardian := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...), ssrf.WithDeniedV4Prefixes(metadataV4...))
	return func(network, address string, c syscall.RawConn) error {
		if err := guardian.Safe(network, address, c); err != nil {
			return &blockedError{address}
		}
		return nil
	}
}

// blockedError is an address that may not be dialled.
type blockedError struct{ address string }

func (e *blockedError) Error() string { return e.address + " is not a public address" }

// handshaker dials TLS. net/http would do that by itself, but its errors then
// come from the handshake or from anywhere, and only their text says which.
type handshaker struct {
	dialer  *dialer
	timeout time.Duration
	config  *tls.Config
}

// handshakeError is why a connection was made and no TLS over it.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

func (h *handshaker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.dialer.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	config := h.config.Clone()
	config.ServerName = host
	secure := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &handshakeError{err}
	}
	return secure, nil
}
