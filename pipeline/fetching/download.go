package fetching

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"sluice/pipeline"
)

// download fetches a URL. Every error is a *pipeline.RowError, or means nothing
// because ctx ended.
func (f *Fetcher) download(ctx context.Context, u *url.URL, grant *pipeline.Grant) (pipeline.Body, error) {
	ctx, w := watched(ctx, f.opts.Timeouts)
	defer w.stop()
	resp, err := f.get(ctx, u)
	if err != nil {
		return pipeline.Body{}, failure(orCause(ctx, err))
	}
	defer resp.Body.Close()
	body, err := f.accept(ctx, w, resp, grant)
	if err != nil {
		failed := failure(orCause(ctx, err))
		failed.HTTPStatus = resp.StatusCode
		return pipeline.Body{}, failed
	}
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

// get asks for u and follows redirects, each checked like a source. It goes
// below http.Client, which would resolve a Location by rules that are not
// users', add a Referer, and put the whole URL into its errors.
func (f *Fetcher) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	for hops := 0; ; hops++ {
		req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: f.header.Clone()}).WithContext(ctx)
		resp, err := f.transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		if !redirects(resp.StatusCode) || location == "" {
			return resp, nil
		}
		discard(resp)
		if hops >= f.opts.MaxRedirects {
			return nil, pipeline.Fail(pipeline.Redirect, "more than %d redirects", f.opts.MaxRedirects)
		}
		if u, err = resolve(u, location); err != nil {
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
	return f.readBody(ctx, w, resp.Body, resp.ContentLength, grant)
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
