package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"sluice/internal/temporal"
	"sluice/pipeline"
)

// dial connects to Temporal. Whatever is in the way of that, the caller can mend.
func (c *cli) dial(ctx context.Context) (client.Client, error) {
	flags := temporal.Flags{Address: c.address, Namespace: c.namespace, Profile: c.profile}
	opts, err := flags.Options(c.env)
	if err != nil {
		return nil, &pipeline.UsageError{Message: err.Error()}
	}
	if _, _, err := net.SplitHostPort(opts.HostPort); err != nil && !strings.Contains(opts.HostPort, "://") {
		return nil, pipeline.Usagef("the address %q of Temporal has no port: it is HOST:PORT, such as 127.0.0.1:7233", opts.HostPort)
	}
	// For the messages of whoever comes later.
	c.address, c.namespace = opts.HostPort, opts.Namespace
	opts.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler)) // errors are told by us

	dialCtx, cancel := context.WithTimeout(ctx, c.dialTimeout)
	defer cancel()
	conn, err := client.DialContext(dialCtx, opts)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, unknownf("interrupted before Temporal at %s answered; nothing was started", c.address)
	}
	return nil, pipeline.Usagef("no Temporal answers at %s (%s): start one with devserver or make demo, or name another with --address",
		c.address, cause(err))
}

// cause is the part of a connection's error that a person can use.
func cause(err error) string {
	if deadline := new(serviceerror.DeadlineExceeded); errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	// gRPC puts what happened at the end: "... desc = "transport: ...: connection refused"".
	s := oneLine(err.Error())
	return strings.Trim(s[strings.LastIndex(s, ": ")+1:], ` "`)
}

// explain turns what Temporal refuses into what the caller can mend. Other
// errors are returned as they are.
func (c *cli) explain(err error) error {
	if namespace := new(serviceerror.NamespaceNotFound); errors.As(err, &namespace) {
		return pipeline.Usagef("Temporal at %s has no namespace %q: name one with --namespace", c.address, c.namespace)
	}
	if denied := new(serviceerror.PermissionDenied); errors.As(err, &denied) {
		return pipeline.Usagef("Temporal at %s does not let us: %s; see TEMPORAL_API_KEY and temporal.toml", c.address, oneLine(denied.Message))
	}
	if invalid := new(serviceerror.InvalidArgument); errors.As(err, &invalid) {
		return pipeline.Usagef("Temporal at %s refuses the call: %s", c.address, oneLine(invalid.Message))
	}
	return err
}

// away reports whether err says that Temporal is out of reach for now.
func away(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		canceled    *serviceerror.Canceled
		exhausted   *serviceerror.ResourceExhausted
		internal    *serviceerror.Internal
	)
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.As(err, &canceled) ||
		errors.As(err, &exhausted) || errors.As(err, &internal) || errors.Is(err, context.DeadlineExceeded)
}

func notFound(err error) bool {
	gone := new(serviceerror.NotFound)
	return errors.As(err, &gone)
}
