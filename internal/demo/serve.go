package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"sluice/internal/demo/origin"
)

// serveOrigin is `demo origin`: it serves a folder until a signal ends it.
func serveOrigin(ctx context.Context, args []string) error {
	var opts origin.Options
	flags := flag.NewFlagSet("demo origin", flag.ContinueOnError)
	images := flags.String("images", "", "`folder` to serve")
	listen := flags.String("listen", "127.0.0.1:0", "`HOST:PORT` to listen on; port 0 is any free one")
	requests := flags.String("requests", "", "`file` that each request is appended to, as it arrives")
	flags.DurationVar(&opts.Latency, "latency", 0, "what is waited before each answer")
	if err := parse(flags, args); err != nil {
		return err
	}
	if info, err := os.Stat(*images); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("--images %q is no folder", *images)}
	}
	if *requests != "" {
		log, err := os.OpenFile(*requests, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer log.Close()
		opts.Log = log
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return usageError{err}
	}
	srv := &http.Server{Handler: origin.Handler(*images, opts), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	fmt.Printf("ready url=http://%s\n", l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
