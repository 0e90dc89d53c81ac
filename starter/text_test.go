package main

import (
	"testing"
	"time"

	"sluice/pipeline"
)

func TestWords(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"a small count", count(999), "999"},
		{"a large count", count(int64(1234567)), "1,234,567"},
		{"a negative count", count(-123456), "-123,456"},
		{"one", many(1, "row"), "1 row"},
		{"many", many(1000, "row"), "1,000 rows"},
		{"bytes", size(999), "999 B"},
		{"a few kB", size(1500), "1.5 kB"},
		{"just under a MB", size(999_600), "1.0 MB"},
		{"many MB", size(350_000_000), "350 MB"},
		{"the most there are", size(1<<63 - 1), "9.2 EB"},
		{"short", span(1234 * time.Millisecond), "1.2 s"},
		{"a few whole seconds", span(7 * time.Second), "7 s"},
		{"seconds", span(59400 * time.Millisecond), "59 s"},
		{"minutes", span(125 * time.Second), "2 min 05 s"},
		{"hours", span(3*time.Hour + 7*time.Minute), "3 h 07 min"},
		{"days", span(50 * time.Hour), "2 d 02 h"},
		{"slow", rate(0.24), "0.2 images/s"},
		{"fast", rate(1234.5), "1,235 images/s"},
		{"nearly all is not all", percent(999_999, 1_000_000), "99%"},
		{"all", percent(7, 7), "100%"},
		{"of nothing", percent(0, 0), "0%"},
		{"no waits", formatWaits(nil), "none"},
		{"waits", formatWaits([]time.Duration{30 * time.Second, 2 * time.Minute, time.Hour, 90 * time.Second}), "30s,2m,1h,1m30s"},
		{"control characters do nothing", oneLine("a\x1b[2Jb\r\nc\u009b5m  d"), "a [2Jb c 5m d"},
		{"a plain word", shellQuote("s3://b/a-b_c.d=1"), "s3://b/a-b_c.d=1"},
		{"a word with a space", shellQuote("/a b"), "'/a b'"},
		{"a word with a quote", shellQuote("it's"), `'it'\''s'`},
		{"it fits", cut("abc", 3), "abc"},
		{"it does not", cut("abcd", 3), "ab…"},
		{"wide characters", cut("日本語", 5), "日本…"},
		{"no room", cut("abc", 0), ""},
		{"classes", classes(map[pipeline.Class]int64{pipeline.DNS: 2, pipeline.Timeout: 1200, pipeline.Connect: 2}), "timeout 1,200, connect 2, dns 2"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
