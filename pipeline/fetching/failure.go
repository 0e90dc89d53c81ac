package fetching

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"sluice/pipeline"
)

// statusError is a response that is not the source.
type statusError struct {
	code       int
	retryAfter time.Duration
	asked      bool // Retry-After was there
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", e.code, http.StatusText(e.code)))
}

// failure turns whatever went wrong with a download into a row's error: the one
// place where that is decided. It does not name the URL, which is in the row
// already, and may hold a token.
func failure(err error) *pipeline.RowError {
	var (
		decided   *pipeline.RowError
		status    *statusError
		blocked   *blockedError
		dns       *net.DNSError
		timeout   interface{ Timeout() bool }
		handshake *handshakeError
	)
	switch {
	case errors.As(err, &decided):
		return decided
	case errors.As(err, &status):
		f := pipeline.Fail(status.class(), "%s", status.Error())
		f.HTTPStatus, f.RetryAfter = status.code, status.retryAfter
		return f
	case errors.As(err, &blocked):
		return pipeline.Fail(pipeline.Blocked, "%s, and --allow-net does not allow it", blocked.Error())
	case errors.As(err, &dns) && dns.IsNotFound:
		return pipeline.Fail(pipeline.NoSuchHost, "there is no host %.100q", dns.Name)
	case errors.As(err, &dns):
		return pipeline.Fail(pipeline.DNS, "the resolver failed for %.100q: %s", dns.Name, oneLine(dns.Err))
	// Before TLS, since a handshake can time out too.
	case errors.As(err, &timeout) && timeout.Timeout():
		return pipeline.Fail(pipeline.Timeout, "%s", oneLine(err.Error()))
	case errors.As(err, &handshake):
		return pipeline.Fail(pipeline.TLS, "%s", oneLine(handshake.Error()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return pipeline.Fail(pipeline.Connect, "the connection ended before the body did")
	}
	// Refused, reset, unreachable, or an answer that is not HTTP.
	return pipeline.Fail(pipeline.Connect, "%s", oneLine(err.Error()))
}

// class is that of a status but 200.
func (e *statusError) class() pipeline.Class {
	switch {
	case e.code == http.StatusTooManyRequests, e.code == http.StatusServiceUnavailable && e.asked:
		return pipeline.RateLimited
	case e.code == http.StatusNoContent, e.code == http.StatusResetContent:
		return pipeline.Empty
	case e.code >= 300 && e.code < 400 && e.code != http.StatusNotModified:
		// Without a place to go to, or one that is for people to choose.
		return pipeline.Redirect
	case e.code >= 400 && e.code < 500, e.code >= 600:
		// 999 is how some say that they do not want robots.
		return pipeline.HTTP4xx
	}
	// Besides 5xx, what breaks the protocol: a 206 or a 304 that nobody asked
	// for, a 202 instead of the image. The server may be well again later.
	return pipeline.HTTP5xx
}

// oneLine fits an error's text into a manifest's column.
func oneLine(text string) string {
	const longest = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
