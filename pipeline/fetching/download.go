package fetching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"sluice/pipeline"
)

// download asks for where the visit is. Every error is a *pipeline.RowError, or
// pipeline.ErrLater, or means nothing because ctx ended.
func (v *visit) download(caller context.Context, grant *pipeline.Grant) (pipeline.Body, error) {
	ctx, w := watched(caller, v.f.opts.Timeouts, v.left)
	defer func() { v.left = w.stop() }()
	resp, err := v.get(ctx)
	if err != nil {
		if errors.Is(err, pipeline.ErrLater) {
			return pipeline.Body{}, err
		}
		failed := failure(orCause(ctx, err))
		if caller.Err() == nil {
			v.answered(failed)
		}
		return pipeline.Body{}, failed
	}
	defer resp.Body.Close()
	body, err := v.f.accept(ctx, w, resp, grant)
	if err != nil {
		failed := failure(orCause(ctx, err))
		failed.HTTPStatus = resp.StatusCode
		if caller.Err() == nil {
			v.answered(failed)
		}
		return pipeline.Body{}, failed
	}
	v.answered(nil)
	body.HTTPStatus = resp.StatusCode
	return body, nil
}

// orCause is why ctx ended, if it did: the errors of what it interrupts differ.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// longestURL is the longest that is followed: what servers commonly accept, and
// what a row may hold.
const longestURL = 8 << 10 // bytes

// get asks, and follows redirects, each checked like a source. It goes below
// http.Client, which would resolve a Location by rules that are not users', add
// a Referer, and put the whole URL into its errors.
func (v *visit) get(ctx context.Context) (*http.Response, error) {
	for {
		u := v.at
		req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: v.f.header.Clone()}).WithContext(ctx)
		resp, err := v.f.transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		if !redirects(resp.StatusCode) || location == "" {
			return resp, nil
		}
		discard(resp)
		if v.hops++; v.hops > v.f.opts.MaxRedirects {
			return nil, pipeline.Fail(pipeline.Redirect, "more than %d redirects", v.f.opts.MaxRedirects)
		}
		if len(location) > longestURL {
			return nil, pipeline.Fail(pipeline.Redirect, "it redirects to a URL of %d bytes", len(location))
		}
		if u, err = resolve(u, location); err != nil {
			return nil, err
		}
		if err := v.redirected(u); err != nil {
			return nil, err
		}
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// accept takes the body of a response that is the source.
func (f *Fetcher) accept(ctx context.Context, w *watch, resp *http.Response, grant *pipeline.Grant) (pipeline.Body, error) {
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNonAuthoritativeInfo {
		wait, asked := retryAfter(resp.Header)
		discard(resp)
		return pipeline.Body{}, &statusError{resp.StatusCode, wait, asked}
	}
	if directive := disallowed(resp.Header, f.robot); directive != "" {
		return pipeline.Body{}, pipeline.Fail(pipeline.Disallowed, "X-Robots-Tag: %s", directive)
	}
	body, length, err := f.decoded(resp)
	if err != nil {
		return pipeline.Body{}, err
	}
	return f.readBody(ctx, w, body, length, grant)
}

// discard reads the little that an answer of no use has for a body, so that its
// connection can serve another request. One that is long or slow is closed.
func discard(resp *http.Response) {
	const most, patience = 16 << 10, 250 * time.Millisecond
	if resp.ContentLength <= most {
		closing := time.AfterFunc(patience, func() { _ = resp.Body.Close() })
		_, _ = io.CopyN(io.Discard, resp.Body, most)
		closing.Stop()
	}
	_ = resp.Body.Close()
}
