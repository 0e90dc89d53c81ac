// Package fetching downloads sources: it implements pipeline.Fetcher.
//
// A source is an http or https URL, or a key of the dataset. Nothing that a
// source, an origin or a header says is trusted: addresses are checked where
// they are dialled, bytes are granted before they are held, and whatever goes
// wrong with a source becomes a row's error of one of the closed classes. What
// goes wrong with a store is the store's own error, and no row's.
package fetching

import (
	"context"
	"errors"
	"net/http"

	"sluice/pipeline"
)

// Fetcher downloads sources. One serves a whole process; it is safe for
// concurrent use, and as many downloads are in flight as there are calls.
type Fetcher struct {
	opts      Options
	transport *http.Transport
	header    http.Header // of every request
	robot     string      // our name, as X-Robots-Tag would address us
	allowed   []*allowedSource
	buffers   buffers
	hosts     *hosts
}

var (
	_ pipeline.Fetcher = (*Fetcher)(nil)
	_ pipeline.Visitor = (*Fetcher)(nil)
)

// New makes a Fetcher.
func New(opts Options) *Fetcher {
	opts.applyDefaults()
	hosts := newHosts(opts)
	return &Fetcher{
		opts:      opts,
		hosts:     hosts,
		transport: newTransport(opts, hosts),
		header: http.Header{
			"User-Agent": {opts.UserAgent},
			"Accept":     {"image/*,*/*;q=0.5"},
			// Images do not compress further, and what arrives is counted as it is.
			"Accept-Encoding": {"identity"},
		},
		robot:   product(opts.UserAgent),
		allowed: allowSources(opts.AllowSources, opts.Open),
		buffers: buffers{largest: opts.MaxBytes, limit: opts.IdleBytes},
	}
}

// Close lets go of idle connections and buffers.
func (f *Fetcher) Close() {
	f.transport.CloseIdleConnections()
	f.buffers.drop()
}

// Fetch reads source whole into memory that grant admits, and waits as its host
// demands. If ctx ends meanwhile, the error is ctx's own and says nothing about
// the source.
func (f *Fetcher) Fetch(ctx context.Context, dataset pipeline.Store, source string, grant *pipeline.Grant) (pipeline.Body, error) {
	v := f.Visit(dataset, source, pipeline.Share{})
	defer v.Close()
	for {
		if err := v.Wait(ctx); err != nil {
			return pipeline.Body{}, err
		}
		body, err := v.Fetch(ctx, grant)
		if !errors.Is(err, pipeline.ErrLater) {
			return body, err
		}
	}
}
