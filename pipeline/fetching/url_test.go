package fetching

import (
	"net/url"
	"strings"
	"testing"

	"sluice/pipeline"
)

func TestURLsAsUsersHaveThem(t *testing.T) {
	for _, c := range []struct{ name, source, host, request string }{
		{"plain", "http://h/a.jpg", "h", "/a.jpg"},
		{"no path", "http://h", "h", "/"},
		{"only a query", "http://h?a", "h", "/?a"},
		{"spaces around", " \n http://h/a.jpg\t", "h", "/a.jpg"},
		{"a space within", "http://h/a b.jpg?c d", "h", "/a%20b.jpg?c%20d"},
		{"Unicode", "http://h/é/写.jpg?ü", "h", "/%C3%A9/%E5%86%99.jpg?%C3%BC"},
		{"bytes of no encoding", "http://h/\xe9.jpg", "h", "/%E9.jpg"},
		{"escaped already", "http://h/%c3%a9%2F%7e%20.jpg", "h", "/%c3%a9%2F%7e%20.jpg"},
		{"a stray percent", "http://h/100%.jpg?50%&%zz", "h", "/100%25.jpg?50%25&%25zz"},
		{"a second question mark", "http://h/a?b?c=d?", "h", "/a?b?c=d?"},
		{"an empty query", "http://h/a?", "h", "/a?"},
		{"a fragment", "http://h/a?b#c?d#e", "h", "/a?b"},
		{"of no scheme", "//h/a.jpg", "h", "/a.jpg"},
		{"a Unicode host", "http://Müller.example/a", "xn--mller-kva.example", "/a"},
		{"a Unicode host and a port", "http://例え.テスト:8080/a", "xn--r8jz45g.xn--zckzah:8080", "/a"},
		{"a dot of another script", "http://a。example/", "a.example", "/"},
		{"a loud scheme", "HTTPS://H/a", "H", "/a"},
		{"backslashes", `http:\\h\a\b?c\d`, "h", "/a/b?c%5Cd"},
		{"broken over lines", "http://h/a\r\n\tb.jpg", "h", "/ab.jpg"},
		{"what no request line can hold", "http://h/<a>\"{b}|^`.jpg", "h", "/%3Ca%3E%22%7Bb%7D%7C%5E%60.jpg"},
		{"what one can", "http://h/a;b,c=d:e@f!$&'()*+[g].jpg", "h", "/a;b,c=d:e@f!$&'()*+[g].jpg"},
		{"slashes and dots stay", "http://h//a/./b/../c", "h", "//a/./b/../c"},
		{"a port", "http://h:8080/a", "h:8080", "/a"},
		{"an IPv6 address", "http://[2001:db8::1]:80/a", "[2001:db8::1]:80", "/a"},
		{"a URL in the query", "http://h/resize?url=http://o/x%20y.jpg", "h", "/resize?url=http://o/x%20y.jpg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, key, err := parseSource(c.source)
			if err != nil || u == nil {
				t.Fatalf("%q is key %q, %v; want a URL", c.source, key, err)
			}
			if u.Host != c.host || u.RequestURI() != c.request {
				t.Errorf("%q asks %s for %s, want %s for %s", c.source, u.Host, u.RequestURI(), c.host, c.request)
			}
		})
	}
}

func TestKeysOfTheDataset(t *testing.T) {
	for source, want := range map[string]string{
		"images/a.jpg":       "images/a.jpg",
		"./images/./a.jpg":   "images/a.jpg",
		"  a b.jpg\t":        "a b.jpg",
		"100%/50%25.jpg":     "100%/50%25.jpg",
		"a#b?c.jpg":          "a#b?c.jpg",
		"photo:1.jpg":        "photo:1.jpg",
		"2026-01-01T00:00:1": "2026-01-01T00:00:1",
		"a..b/..c/d..":       "a..b/..c/d..",
		"a//b":               "a//b",
	} {
		u, key, err := parseSource(source)
		if err != nil || u != nil || key != want {
			t.Errorf("%q is %v, key %q, %v; want key %q", source, u, key, err, want)
		}
	}
}

func TestWhatIsNoSource(t *testing.T) {
	for _, c := range []struct {
		source string
		class  pipeline.Class
	}{
		{"", pipeline.InvalidSource},
		{" \t", pipeline.InvalidSource},
		{".", pipeline.InvalidSource},
		{"\xff.jpg", pipeline.InvalidSource},
		{"http:", pipeline.InvalidSource},
		{"http:/h/a", pipeline.InvalidSource},
		{"http:///a", pipeline.InvalidSource},
		{"http://?a", pipeline.InvalidSource},
		{"http://a b/c", pipeline.InvalidSource},
		{"http://h:port/", pipeline.InvalidSource},
		{"http://h:0/", pipeline.InvalidSource},
		{"http://h:65536/", pipeline.InvalidSource},
		{"http://[::1/", pipeline.InvalidSource},
		{"http://%41/", pipeline.InvalidSource},
		{"http://user@h/", pipeline.Blocked},
		{"http://user:secret@h/", pipeline.Blocked},
		{"//user:secret@h/", pipeline.Blocked},
		{"file:///etc/passwd", pipeline.Blocked},
		{"file:etc/passwd", pipeline.Blocked},
		{"s3://bucket/a.jpg", pipeline.Blocked},
		{"gs://bucket/a.jpg", pipeline.Blocked},
		{"ftp://h/a.jpg", pipeline.Blocked},
		{"data:image/png;base64,iVBORw0KGgo=", pipeline.Blocked},
		{"javascript:alert(1)", pipeline.Blocked},
		{"/etc/passwd", pipeline.Blocked},
		{"../a.jpg", pipeline.Blocked},
		{"images/../../a.jpg", pipeline.Blocked},
		{"images/..", pipeline.Blocked},
		{"http://2130706433/", pipeline.Blocked},
		{"http://0x7f000001/", pipeline.Blocked},
		{"http://0x7F.1/", pipeline.Blocked},
		{"http://0177.0.0.1/", pipeline.Blocked},
		{"http://127.1/", pipeline.Blocked},
		{"http://127.0.0.1./", pipeline.Blocked},
		{"http://169.254.43518/", pipeline.Blocked},
		{"http://１６９.254.43518/", pipeline.Blocked},
		{"http://a\u202eb.example/", pipeline.InvalidSource},
		{"http://1.2.3.256/", pipeline.Blocked},
	} {
		t.Run(c.source, func(t *testing.T) {
			_, _, err := parseSource(c.source)
			failed := rowError(t, err, c.class)
			if strings.Contains(failed.Message, "secret") || strings.Contains(failed.Message, "base64") {
				t.Errorf("the message repeats the source: %s", failed.Message)
			}
		})
	}
}

func TestABackslashEndsTheHost(t *testing.T) {
	u, _, err := parseSource(`http://public\@127.0.0.1/`)
	if err != nil || u.Host != "public" || u.RequestURI() != "/@127.0.0.1/" {
		t.Errorf("%v, %v; want the host that browsers take, and its path", u, err)
	}
}

func TestWhereRedirectsLead(t *testing.T) {
	base, err := url.Parse("https://h/dir/a%2Fb.jpg?q")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"b.jpg":               "https://h/dir/b.jpg",
		"/b c%20d%.jpg":       "https://h/b%20c%20d%25.jpg",
		"?page=2":             "https://h/dir/a%2Fb.jpg?page=2",
		"//cdn/é":             "https://cdn/%C3%A9",
		" http://o/x#y ":      "http://o/x",
		`\\cdn\x`:             "https://cdn/x",
		"../up":               "https://h/up",
		"http://bücher.test/": "http://xn--bcher-kva.test/",
	} {
		u, err := resolve(base, location)
		if err != nil {
			t.Errorf("%q: %v", location, err)
			continue
		}
		if got := u.Scheme + "://" + u.Host + u.RequestURI(); got != want {
			t.Errorf("%q leads to %s, want %s", location, got, want)
		}
	}
	for location, class := range map[string]pipeline.Class{
		"file:///etc/passwd":     pipeline.Blocked,
		"ftp://h/":               pipeline.Blocked,
		"http://user:secret@h/":  pipeline.Blocked,
		"//user@h/":              pipeline.Blocked,
		"http://0251.0376.169.1": pipeline.Blocked,
		"http://[":               pipeline.Redirect, // the source itself is valid
		"//h:0/":                 pipeline.Redirect,
	} {
		_, err := resolve(base, location)
		wantClass(t, err, class)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"http://h/a b%zz?c#d", "//h/é", `http:\\h\x`, "https://[::1]:80/%2F", "http://0x7f.1/", "http://u:p@h/",
		"HTTP://h:99999/", "http://h/\x00\xff\n", "data:,x", "a/../b", "http://%zz/", "http://h/%%20",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		u, key, err := parseSource(source)
		if err != nil {
			if _, ok := pipeline.AsRowError(err); !ok {
				t.Fatalf("%q: %v is no row's error", source, err)
			}
			return
		}
		if u == nil {
			if key == "" || strings.HasPrefix(key, "/") || strings.Contains("/"+key+"/", "/../") {
				t.Errorf("%q is the key %q", source, key)
			}
			return
		}
		if u.User != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Fragment != "" {
			t.Errorf("%q is %v", source, u)
		}
		line := u.RequestURI()
		for i := range len(line) {
			if line[i] <= ' ' || line[i] >= 0x7f || line[i] == '%' && !escapes(line[i:]) {
				t.Fatalf("%q asks for %q", source, line)
			}
		}
		// What was made fit once stays as it is.
		again, _, err := parseSource(u.Scheme + "://" + u.Host + line)
		if err != nil || again.Host != u.Host || again.RequestURI() != line {
			t.Errorf("%q asks %s for %s, and then %v, %v", source, u.Host, line, again, err)
		}
	})
}
