package fetching

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait is the most that a Retry-After is taken for. Nobody waits longer,
// and an overflow must not turn a year into nothing.
const longestWait = 24 * time.Hour

// retryAfter reads Retry-After in both its forms, seconds and a date. A date is
// held against the response's own, since clocks differ.
func retryAfter(h http.Header) (wait time.Duration, asked bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(longestWait/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), longestWait), true
}

// disallowing are the directives of X-Robots-Tag that img2dataset honours by
// default.
var disallowing = map[string]bool{"noai": true, "noimageai": true, "noindex": true, "noimageindex": true}

// disallowed is the directive by which a response asks robot not to use it, or
// "". A directive after "name:" is meant for that robot alone, and so are those
// that follow it.
func disallowed(h http.Header, robot string) string {
	for _, value := range h.Values("X-Robots-Tag") {
		addressed := true
		for directive := range strings.SplitSeq(value, ",") {
			if name, rest, ok := strings.Cut(directive, ":"); ok {
				name = strings.TrimSpace(name)
				if valued(name) {
					continue
				}
				addressed, directive = strings.EqualFold(name, robot), rest
			}
			directive = strings.ToLower(strings.TrimSpace(directive))
			if addressed && disallowing[directive] {
				return directive
			}
		}
	}
	return ""
}

// valued is whether a directive takes a value after a colon, and so is no robot.
func valued(directive string) bool {
	directive = strings.ToLower(directive)
	return directive == "unavailable_after" || strings.HasPrefix(directive, "max-")
}

// product is the name in a user agent: sluice in "sluice/0 (+contact)".
func product(userAgent string) string {
	if i := strings.IndexAny(userAgent, "/ "); i >= 0 {
		return userAgent[:i]
	}
	return userAgent
}
