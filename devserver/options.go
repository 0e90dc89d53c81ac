package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// options are the command line.
type options struct {
	ip        string // address to listen on, frontend and UI
	port      int    // frontend (gRPC); 0: any free port
	uiPort    int    // UI (HTTP); 0: any free port, -1: no UI
	db        string // SQLite file; empty: a temporary one
	namespace string
	logLevel  string
}

// usageError is an error that the caller can mend: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

var logLevels = []string{"debug", "info", "warn", "error"}

// parseOptions reads the flags. Help goes to stdout, because it was asked for.
func parseOptions(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("devserver", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed once, by run
	flags.StringVar(&o.ip, "ip", "127.0.0.1", "address to listen on; there is no authentication, so keep it on loopback")
	flags.IntVar(&o.port, "port", 7233, "port of the Temporal frontend (gRPC); 0: any free port")
	flags.IntVar(&o.uiPort, "ui-port", 8233, "port of the Temporal UI (HTTP); 0: any free port, -1: no UI")
	flags.StringVar(&o.db, "db", "", "SQLite `file` that keeps all state, created if missing; empty: a temporary one, removed on exit")
	flags.StringVar(&o.namespace, "namespace", "default", "namespace that is created if missing")
	flags.StringVar(&o.logLevel, "log-level", "warn", "least severe level that is logged to stderr: "+strings.Join(logLevels, ", "))
	flags.Usage = func() {}

	if err := flags.Parse(args); err == flag.ErrHelp {
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, "devserver runs Temporal and its UI over one SQLite file. It prints\n"+
			"  ready address=HOST:PORT ui=URL\nonce it serves, and stops on SIGTERM or SIGINT.\n\n")
		flags.PrintDefaults()
		fmt.Fprint(stdout, "\nExit status: 0 stopped by a signal; 1 it failed; 2 the call was wrong.\n")
		return o, flag.ErrHelp
	} else if err != nil {
		return o, usagef("%w; see devserver --help", err)
	}

	switch {
	case flags.NArg() > 0:
		return o, usagef("unexpected argument %q; all settings are flags, see devserver --help", flags.Arg(0))
	case net.ParseIP(o.ip) == nil:
		return o, usagef("--ip %s is not an IP address; 127.0.0.1 is the default", o.ip)
	case o.port < 0 || o.port > 65535:
		return o, usagef("--port %d is out of range; give 1 to 65535, or 0 for any free port", o.port)
	case o.uiPort < -1 || o.uiPort > 65535:
		return o, usagef("--ui-port %d is out of range; give 1 to 65535, 0 for any free port, or -1 for no UI", o.uiPort)
	case o.port != 0 && o.port == o.uiPort:
		return o, usagef("--port and --ui-port are both %d; give the UI another one, or -1 for no UI", o.port)
	case o.namespace == "":
		return o, usagef("--namespace is empty; leave it out for %q", "default")
	case !slices.Contains(logLevels, o.logLevel):
		return o, usagef("--log-level %s is unknown; give one of %s", o.logLevel, strings.Join(logLevels, ", "))
	}
	return o, nil
}
