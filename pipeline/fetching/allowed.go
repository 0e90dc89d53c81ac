package fetching

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"sluice/pipeline"
	"sluice/pipeline/location"
)

// allowedSource is a store besides the dataset whose objects may be sources.
type allowedSource struct {
	url       string     // with the query that opens it
	spellings []spelling // of what its sources begin with
	open      func(ctx context.Context, url string) (pipeline.Store, error)

	mu    sync.Mutex
	store pipeline.Store // nil until it is needed
}

// spelling is one way to begin the URL of an object.
type spelling struct {
	prefix  string // ends in a slash
	escaped bool   // the rest is escaped
}

// allowSources prepares stores that are opened when they are needed. A URL that
// cannot be read allows nothing.
func allowSources(urls []string, open func(context.Context, string) (pipeline.Store, error)) []*allowedSource {
	var all []*allowedSource
	for _, u := range urls {
		at, err := location.Parse(u)
		if err != nil {
			continue
		}
		a := &allowedSource{url: u, open: open}
		under := func(prefix string, escaped bool) {
			a.spellings = append(a.spellings, spelling{strings.TrimRight(prefix, "/") + "/", escaped})
		}
		// Paths are escaped in file URLs, and are written as they are in those
		// of buckets.
		if at.Scheme == "file" {
			under(at.String(), true)
			under(at.Path, false)
		} else {
			under(at.Scheme+"://"+at.Bucket+"/"+at.Path, false)
		}
		all = append(all, a)
	}
	return all
}

// match is the key that a source names in the store.
func (a *allowedSource) match(source string) (key string, ok bool) {
	source = strings.TrimSpace(source)
	for _, s := range a.spellings {
		rest, ok := strings.CutPrefix(source, s.prefix)
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(rest); err == nil && s.escaped {
			rest = plain
		}
		return rest, true
	}
	return "", false
}

func (f *Fetcher) fetchAllowed(ctx context.Context, a *allowedSource, key string, grant *pipeline.Grant) (pipeline.Body, error) {
	key, err := parseKey(key)
	if err != nil {
		return pipeline.Body{}, err
	}
	store, err := a.opened(ctx)
	if err != nil {
		return pipeline.Body{}, err
	}
	return f.readObject(ctx, store, key, grant)
}

// opened opens the store once. A failure is not kept: it may be mended
// meanwhile.
func (a *allowedSource) opened(ctx context.Context) (pipeline.Store, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.store == nil {
		s, err := a.open(ctx, a.url)
		if err != nil {
			return nil, err
		}
		a.store = s
	}
	return a.store, nil
}
