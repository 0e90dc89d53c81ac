package fetching

import (
	"net/http"
	"strings"
	"testing"
)

// Whatever a host asks for, nobody waits longer than longestWait, nor less than
// not at all.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"120", "0", "-1", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "soon", " 7 ", "\x00"} {
		f.Add(s, "Tue, 24 Nov 2026 10:00:00 GMT")
		f.Add(s, "never")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		wait, asked := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		if wait < 0 || wait > longestWait || !asked && wait != 0 {
			t.Errorf("%q at %q is %v, %v", value, date, wait, asked)
		}
	})
}

// A directive is found whatever stands before it that is meant for all, and
// only where it is written.
func FuzzRobotsTag(f *testing.F) {
	for _, s := range []string{"noai", "otherbot: noai", "sluice: nofollow, noindex", "max-snippet: 3, noimageai", "unavailable_after: 25 Jun 2030 15:00:00 PST", ":::", "a,,b:", "NOAI\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		found := disallowed(http.Header{"X-Robots-Tag": {value}}, "sluice")
		if found != "" && (!disallowing[found] || !strings.Contains(strings.ToLower(value), found)) {
			t.Errorf("%q has the directive %q", value, found)
		}
		if disallowed(http.Header{"X-Robots-Tag": {value, "noai"}}, "sluice") == "" {
			t.Errorf("after %q, noai is missed", value)
		}
	})
}
