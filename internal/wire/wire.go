// Package wire stands between two processes of a test and passes their
// connections on, until it is told to do otherwise.
package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// State is what a wire does with what it is given.
type State int

const (
	// Whole passes everything on.
	Whole State = iota
	// Cut refuses new connections, and has broken those there were.
	Cut
	// Silent holds everything back and tells nobody, as a network does that loses
	// packets. What was held back arrives once the wire is mended.
	Silent
	// Slow passes on slowRate bytes a second each way of a connection.
	Slow
	// Deaf passes requests on, and breaks the connection in place of the answer:
	// it was done, and nobody was told.
	Deaf
	// Busy answers every HTTP request with 503 by itself.
	Busy
)

func (s State) String() string {
	return [...]string{"whole", "cut", "silent", "slow", "deaf", "busy"}[s]
}

// slowRate lets a small image through in a second, and no heartbeat time out.
const slowRate = 4 << 10

// Wire listens at an address and passes on to another one.
type Wire struct {
	to string

	mu       sync.Mutex
	changed  *sync.Cond // state or closed
	state    State
	closed   bool
	address  string
	listener net.Listener
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// New makes a wire to an address.
func New(to string) (*Wire, error) {
	w := &Wire{to: to, address: "127.0.0.1:0", conns: map[net.Conn]bool{}}
	w.changed = sync.NewCond(&w.mu)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w, w.listen()
}

// Address is where it listens, HOST:PORT. It stays the same.
func (w *Wire) Address() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.address
}

// Be puts the wire into a state.
func (w *Wire) Be(state State) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state == w.state || w.closed {
		return nil
	}
	was := w.state
	w.state = state
	if state == Cut {
		w.listener.Close()
	}
	// A connection belongs to the state that it was made in where one end of it is
	// the wire itself, and a deaf wire breaks it at its next answer.
	if state == Cut || state == Busy || was == Busy {
		w.sever()
	}
	w.changed.Broadcast()
	if was == Cut {
		return w.listen()
	}
	return nil
}

// Close ends it and waits until it has.
func (w *Wire) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.listener.Close()
		w.sever()
		w.changed.Broadcast()
	}
	w.mu.Unlock()
	w.running.Wait()
}

// sever breaks the connections that there are. The lock is held.
func (w *Wire) sever() {
	for c := range w.conns {
		reset(c)
	}
	clear(w.conns)
}

// reset closes a connection so that its other end hears of it at once, whatever
// is still on the way.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only if it is closed
	}
	c.Close()
}

// relisten is how long another process, which was given the port for a
// connection of its own while the wire was cut, may keep it.
const relisten = 10 * time.Second

// listen listens (again). The lock is held.
func (w *Wire) listen() error {
	for begun := time.Now(); ; {
		l, err := net.Listen("tcp", w.address)
		if err == nil {
			w.listener, w.address = l, l.Addr().String()
			w.running.Go(func() { w.accept(l) })
			return nil
		}
		if time.Since(begun) > relisten {
			return fmt.Errorf("mending a wire: %w", err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

func (w *Wire) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.connect(near) })
	}
}

// connect passes one connection on.
func (w *Wire) connect(near net.Conn) {
	if !w.keep(near) {
		reset(near)
		return
	}
	defer w.drop(near)
	if w.now() == Busy {
		w.refuse(near)
		return
	}
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	if !w.keep(far) {
		reset(far)
		return
	}
	defer w.drop(far)
	var both sync.WaitGroup
	both.Go(func() { w.pass(near, far, true) })
	both.Go(func() { w.pass(far, near, false) })
	both.Wait()
}

// pass passes bytes on until either side ends.
func (w *Wire) pass(dst, src net.Conn, answers bool) {
	ended := false
	defer func() {
		if ended {
			_ = dst.(*net.TCPConn).CloseWrite() // fails only if it is closed
			return
		}
		reset(dst)
		reset(src)
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := src.Read(buffer)
		for sent := 0; sent < n; {
			piece := n - sent
			switch w.await() {
			case Deaf:
				if answers {
					return
				}
			case Slow:
				piece = min(piece, slowRate/20)
				<-time.After(time.Second / 20)
			case Cut, Busy:
				return
			case Whole, Silent: // await has waited
			}
			if _, err := dst.Write(buffer[sent : sent+piece]); err != nil {
				return
			}
			sent += piece
		}
		if err != nil {
			ended = errors.Is(err, io.EOF) && w.await() != Cut
			return
		}
	}
}

// refuse answers the requests of a connection with 503.
func (w *Wire) refuse(near net.Conn) {
	one := &single{conn: near, done: make(chan struct{})}
	server := http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(rw, "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				one.Close()
			}
		},
	}
	_ = server.Serve(one) // until the connection is closed
}

// await waits while the wire is silent, and says how it is then.
func (w *Wire) await() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.state == Silent && !w.closed {
		w.changed.Wait()
	}
	if w.closed {
		return Cut
	}
	return w.state
}

func (w *Wire) now() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// keep remembers a connection that is to be broken by a cut, unless it is one
// that has come too late.
func (w *Wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.state == Cut {
		return false
	}
	w.conns[c] = true
	return true
}

func (w *Wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

// single is a listener of one connection.
type single struct {
	conn net.Conn
	once sync.Once
	done chan struct{}
}

func (s *single) Accept() (net.Conn, error) {
	if c := s.conn; c != nil {
		s.conn = nil
		return c, nil
	}
	<-s.done
	return nil, net.ErrClosed
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *single) Addr() net.Addr { return &net.TCPAddr{} }
