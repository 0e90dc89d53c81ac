package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// internalHost is where the services of this process talk to each other,
// whatever address the frontend listens on.
const internalHost = "127.0.0.1"

// portSet holds the TCP port of every service. ui is 0 where there is no UI.
type portSet struct {
	frontend, history, matching, worker, ui int
}

// choosePorts checks the ports that were asked for and finds free ones for the
// rest. All of them are held until the last is known, so that no two are equal.
//
// The server takes numbers and no listeners, so the ports are let go again before it
// binds them. A port that was asked for and is taken is reported here, because the
// server's own answer is a fatal log line; see [reserve] for the others.
func choosePorts(o options) (portSet, error) {
	var p portSet
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	take := func(dst *int, ip string, port int, flag string) error {
		l, err := net.Listen("tcp", hostPort(ip, port))
		if err != nil {
			return listenError(err, ip, port, flag)
		}
		held = append(held, l)
		*dst = l.Addr().(*net.TCPAddr).Port
		if port == 0 {
			return reserve(l)
		}
		return nil
	}

	if err := take(&p.frontend, o.ip, o.port, "--port"); err != nil {
		return p, err
	}
	if o.uiPort >= 0 {
		if err := take(&p.ui, o.ip, o.uiPort, "--ui-port"); err != nil {
			return p, err
		}
	}
	for _, dst := range []*int{&p.history, &p.matching, &p.worker} {
		if err := take(dst, internalHost, 0, ""); err != nil {
			return p, err
		}
	}
	return p, nil
}

// reserve keeps the kernel from handing the port of l to somebody else between
// our Close and the server's bind: a connection that the listening side closed
// first stays in TIME_WAIT for a minute, during which the port is skipped where any
// free one will do, and can still be bound by its number (Go sets SO_REUSEADDR).
// Without it, test packages that start servers at the same time meet now and then.
func reserve(l net.Listener) error {
	client, err := net.Dial("tcp", hostPort(reachable(l.Addr().(*net.TCPAddr).IP.String()), l.Addr().(*net.TCPAddr).Port))
	if err != nil {
		return fmt.Errorf("reserving a port: %w", err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return fmt.Errorf("reserving a port: %w", err)
	}
	if err := server.Close(); err != nil {
		return fmt.Errorf("reserving a port: %w", err)
	}
	client.Read(make([]byte, 1)) // until the FIN is here, so that the server's end is the one that waits
	return nil
}

// listenError says which flag would mend err.
func listenError(err error, ip string, port int, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return usagef("port %d on %s is in use, perhaps by another devserver; stop that one, or give %s another port (0: any free one)", port, ip, flag)
	case errors.Is(err, syscall.EACCES):
		return usagef("port %d on %s needs more rights than this user has; give %s a port above 1023", port, ip, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return usagef("no network interface here has the address %s; give --ip another one (127.0.0.1 is the default)", ip)
	}
	return fmt.Errorf("listening on %s: %w", hostPort(ip, port), err)
}

// reachable returns the address under which this machine reaches what listens on ip.
func reachable(ip string) string {
	switch parsed := net.ParseIP(ip); {
	case parsed.IsUnspecified() && parsed.To4() != nil:
		return "127.0.0.1"
	case parsed.IsUnspecified():
		return "::1"
	}
	return ip
}

func hostPort(ip string, port int) string {
	return net.JoinHostPort(ip, strconv.Itoa(port))
}
