package fetching

import (
	"context"
	"net/url"
	"time"

	"sluice/pipeline"
)

// Visit prepares to fetch source. A URL is asked for when its host lets it, and
// again a few times where that may help.
func (f *Fetcher) Visit(dataset pipeline.Store, source string, share pipeline.Share) pipeline.Visit {
	v := &visit{f: f, share: share}
	for _, a := range f.allowed {
		if key, ok := a.match(source); ok {
			v.read = func(ctx context.Context, grant *pipeline.Grant) (pipeline.Body, error) {
				return f.fetchAllowed(ctx, a, key, grant)
			}
			return v
		}
	}
	u, key, err := parseSource(source)
	switch {
	case err != nil:
		v.refused = err
	case u == nil:
		v.read = func(ctx context.Context, grant *pipeline.Grant) (pipeline.Body, error) {
			return f.readObject(ctx, dataset, key, grant)
		}
	default:
		v.source, v.at = u, u
		v.host = f.hosts.forRun(u, share)
	}
	return v
}

// visit is what one pass does for one source.
type visit struct {
	f       *Fetcher
	share   pipeline.Share
	refused error                                                         // by what the source says
	read    func(context.Context, *pipeline.Grant) (pipeline.Body, error) // of an object; nil for a URL

	source *url.URL
	at     *url.URL // where redirects have led
	hops   int
	host   *runHost // of at
	place  *place   // of host; nil if it has none
	tries  int
	final  string
	left   time.Duration // of this try's total
	begun  time.Time     // of the first try
	due    time.Time     // not to be asked before
}

// Ready implements pipeline.Visit.
func (v *visit) Ready() (bool, error) {
	switch {
	case v.refused != nil:
		return false, v.refused
	case v.host == nil || v.place != nil:
		return true, nil
	case time.Now().Before(v.due):
		return false, nil
	}
	p, err := v.host.try()
	v.place = p
	return p != nil, err
}

// Wait implements pipeline.Visit.
func (v *visit) Wait(ctx context.Context) error {
	if v.refused != nil || v.host == nil || v.place != nil {
		return v.refused
	}
	if wait := time.Until(v.due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p, err := v.host.wait(ctx)
	v.place = p
	return err
}

// Close implements pipeline.Visit.
func (v *visit) Close() {
	if v.place != nil {
		v.host.abandon(v.place)
		v.place = nil
	}
}

// Trace implements pipeline.Visit.
func (v *visit) Trace() pipeline.Trace { return pipeline.Trace{Tries: v.tries, FinalURL: v.final} }

// Fetch implements pipeline.Visit.
func (v *visit) Fetch(ctx context.Context, grant *pipeline.Grant) (pipeline.Body, error) {
	defer v.Close()
	if v.read != nil {
		v.tries++
		return ownOrRows(ctx, v.read, grant)
	}
	if v.begun.IsZero() {
		v.begun = time.Now()
	}
	if v.hops == 0 {
		v.tries++
		v.left = v.f.opts.Timeouts.Total
	}
	body, err := ownOrRows(ctx, v.download, grant)
	if failed, ok := pipeline.AsRowError(err); ok && v.again(failed) {
		v.at, v.hops, v.final = v.source, 0, ""
		v.host = v.f.hosts.forRun(v.at, v.share)
		v.due = time.Now().Add(retryDelay(v.tries))
		return pipeline.Body{}, pipeline.ErrLater
	}
	return body, err
}

// again is whether to try again in this pass. Where the host is left alone, or
// asks for long, the next Wait says so.
func (v *visit) again(failed *pipeline.RowError) bool {
	return failed.Class.Transient() && v.tries <= v.f.opts.Retries &&
		failed.RetryAfter <= patience && time.Since(v.begun) < retryWithin
}

// ownOrRows fetches. If ctx ends meanwhile, the error is ctx's own and says
// nothing about the source.
func ownOrRows(ctx context.Context, fetch func(context.Context, *pipeline.Grant) (pipeline.Body, error), grant *pipeline.Grant) (pipeline.Body, error) {
	body, err := fetch(ctx, grant)
	if err != nil && ctx.Err() != nil {
		return pipeline.Body{}, ctx.Err()
	}
	return body, err
}

// answered gives the host's place back with what came of it.
func (v *visit) answered(failed *pipeline.RowError) {
	if v.place != nil {
		v.host.done(v.place, failed)
		v.place = nil
	}
}

// redirected goes on at u: at once if its host has a place now.
func (v *visit) redirected(u *url.URL) error {
	v.at, v.final = u, u.String()
	if next := v.f.hosts.forRun(u, v.share); next.host != v.host.host {
		v.answered(nil)
		v.host = next
	}
	if ready, err := v.Ready(); err != nil || !ready {
		if err == nil {
			err = pipeline.ErrLater
		}
		return err
	}
	return nil
}
