package fetching

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/pipeline"
)

func TestDisallowed(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, v := range strings.Split(r.URL.Query().Get("tag"), "|") {
			w.Header().Add("X-Robots-Tag", v)
		}
		fmt.Fprint(w, "image")
	})
	f := newFetcher(t, Options{})
	for tag, allowed := range map[string]bool{
		"noai": false, "NoImageAI": false, "noindex": false, "nofollow, noimageindex": false,
		"nofollow|noai": false, "sluice: noai": false, "Sluice:%20noindex, nofollow": false,
		"unavailable_after: 25 Jun 2030 15:00:00 GMT, noai": false,
		"max-snippet:5, noindex":                            false,
		"":                                                  true, "all": true, "nofollow": true, "googlebot: noindex": true, "googlebot: nofollow, noindex": true,
		"googlebot: noindex, sluice: nofollow": true,
	} {
		_, err := fetch(t, f, server.URL+"?tag="+strings.ReplaceAll(tag, " ", "%20"))
		if allowed {
			if err != nil {
				t.Errorf("%q: %v", tag, err)
			}
			continue
		}
		if failed := rowError(t, err, pipeline.Disallowed); failed.HTTPStatus != 200 {
			t.Errorf("%q: the status is %d", tag, failed.HTTPStatus)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		wait  time.Duration
		asked bool
	}{
		{"", 0, false},
		{"0", 0, true},
		{" 120 ", 2 * time.Minute, true},
		{"999999999999999999", longestWait, true},
		{"99999999999999999999999", 0, false},
		{"-5", 0, false},
		{"1.5", 0, false},
		{"soon", 0, false},
		{now.Add(time.Minute).Format(http.TimeFormat), time.Minute, true},
		{now.Add(-time.Minute).Format(http.TimeFormat), 0, true},
		{now.AddDate(5, 0, 0).Format(http.TimeFormat), longestWait, true},
		{now.Add(time.Minute).Format(time.RFC850), time.Minute, true},
	} {
		h := http.Header{"Retry-After": {c.value}, "Date": {now.Format(http.TimeFormat)}}
		if wait, asked := retryAfter(h); wait != c.wait || asked != c.asked {
			t.Errorf("%q: %v, %v; want %v, %v", c.value, wait, asked, c.wait, c.asked)
		}
	}
}
