package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Origin serves cases on loopback, each at a port of its own.
type Origin struct {
	mu        sync.Mutex
	listeners []io.Closer
	conns     map[net.Conn]bool
	under     sync.WaitGroup
}

// NewOrigin makes an origin that serves nothing yet.
func NewOrigin() *Origin { return &Origin{conns: map[net.Conn]bool{}} }

// Start serves a case, and returns its row's source.
func (o *Origin) Start(c Case) (source string, err error) {
	handler := c.Serve
	if c.Body != nil {
		body := c.Body()
		handler = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	}
	if handler == nil && c.Conn == nil {
		return c.Source, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	scheme := "http"
	address := l.Addr().String()
	if c.TLS {
		scheme = "https"
		if c.Conn == nil {
			certificate, err := selfSigned()
			if err != nil {
				return "", errors.Join(err, l.Close())
			}
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.Conn != nil {
		o.listeners = append(o.listeners, l)
		o.under.Go(func() { o.accept(l, c.Conn) })
	} else {
		s := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
		o.listeners = append(o.listeners, s)
		o.under.Go(func() { _ = s.Serve(l) }) // until it is closed
	}
	path := c.Path
	if path == "" {
		path = "/"
	}
	return scheme + "://" + address + path, nil
}

func (o *Origin) accept(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.conns[conn] = true
		o.mu.Unlock()
		o.under.Go(func() {
			serve(conn)
			_ = conn.Close() // whatever became of it
			o.mu.Lock()
			delete(o.conns, conn)
			o.mu.Unlock()
		})
	}
}

// Close ends it, and whatever hangs in it.
func (o *Origin) Close() {
	o.mu.Lock()
	for _, l := range o.listeners {
		_ = l.Close()
	}
	for c := range o.conns {
		_ = c.Close()
	}
	o.mu.Unlock()
	o.under.Wait()
}

// selfSigned is a certificate for this machine's loopback.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
