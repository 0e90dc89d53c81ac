package hostile

import (
	"net/http"

	"sluice/pipeline"
)

// redirections are hosts that send elsewhere.
var redirections = []Case{
	{Name: "redirects once", Serve: around("/moved.jpg")},
	{Name: "redirects without a scheme", Serve: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved.jpg" {
			whole(w, r)
			return
		}
		to("//"+r.Host+"/moved.jpg")(w, r)
	}},
	{Name: "redirects for ever", Class: pipeline.Redirect, Serve: to("/again")},
	{Name: "redirects to nowhere", Class: pipeline.Redirect, Serve: status(302)},
	{Name: "redirects to what is no URL", Class: pipeline.Redirect, Serve: to("http://[")},
	{Name: "redirects to metadata", Class: pipeline.Blocked, Serve: to("http://169.254.169.254/latest/meta-data/")},
	{Name: "redirects to mapped metadata", Class: pipeline.Blocked, Serve: to("http://[::ffff:169.254.169.254]/")},
	{Name: "redirects to a number", Class: pipeline.Blocked, Serve: to("http://2852039166/")},
	{Name: "redirects to a private network", Class: pipeline.Blocked, Serve: to("//10.0.0.1/a.jpg")},
	{Name: "redirects to a file", Class: pipeline.Blocked, Serve: to("file:///etc/passwd")},
	{Name: "redirects with a password", Class: pipeline.Blocked, Serve: to("http://user:password@example.org/")},
}

// sources need no host to be hostile.
var sources = []Case{
	{Name: "no source", Class: pipeline.InvalidSource, Source: " "},
	{Name: "no URL", Class: pipeline.InvalidSource, Source: "http://a b/c.jpg"},
	{Name: "a user name", Class: pipeline.Blocked, Source: "http://user@example.org/a.jpg"},
	{Name: "a file", Class: pipeline.Blocked, Source: "file:///etc/passwd"},
	{Name: "an absolute path", Class: pipeline.Blocked, Source: "/etc/passwd"},
	{Name: "out of the dataset", Class: pipeline.Blocked, Source: "../../etc/passwd"},
	{Name: "a bucket", Class: pipeline.Blocked, Source: "s3://bucket/a.jpg"},
	{Name: "data in the URL", Class: pipeline.Blocked, Source: "data:image/png;base64,iVBORw0KGgo="},
	{Name: "a missing object", Class: pipeline.NotFound, Source: "images/missing.jpg"},
	{Name: "no such host", Class: pipeline.NoSuchHost, Source: "http://nobody.invalid/a.jpg"},
	{Name: "nobody listens", Class: pipeline.Connect, Source: "http://127.0.0.1:1/a.jpg"},
	{Name: "no scheme, nobody listens", Class: pipeline.Connect, Source: "//127.0.0.1:1/a.jpg"},
	{Name: "no scheme, a private network", Class: pipeline.Blocked, Source: "//192.168.0.1/a.jpg"},
	{Name: "metadata", Class: pipeline.Blocked, Source: "http://169.254.169.254/latest/meta-data/"},
	{Name: "Azure's WireServer", Class: pipeline.Blocked, Source: "http://168.63.129.16/machine?comp=goalstate"},
	{Name: "a private network", Class: pipeline.Blocked, Source: "http://192.168.0.1/a.jpg"},
	{Name: "carrier-grade NAT", Class: pipeline.Blocked, Source: "http://100.64.0.1/a.jpg"},
	{Name: "nowhere", Class: pipeline.Blocked, Source: "http://0.0.0.0/a.jpg"},
	{Name: "IPv6 loopback", Class: pipeline.Blocked, Source: "http://[::1]/a.jpg"},
	{Name: "NAT64", Class: pipeline.Blocked, Source: "http://[64:ff9b::169.254.169.254]/a.jpg"},
	{Name: "6to4", Class: pipeline.Blocked, Source: "http://[2002:a9fe:a9fe::]/a.jpg"},
	{Name: "Teredo", Class: pipeline.Blocked, Source: "http://[2001:0:a9fe:a9fe::]/a.jpg"},
	{Name: "an address as a number", Class: pipeline.Blocked, Source: "http://2130706433/a.jpg"},
	{Name: "an address in hex", Class: pipeline.Blocked, Source: "http://0x7f.1/a.jpg"},
	{Name: "an address in octal", Class: pipeline.Blocked, Source: "http://0177.0.0.1/a.jpg"},
}

func to(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
}

// around redirects to path, and serves the photograph there.
func around(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			whole(w, r)
			return
		}
		to(path)(w, r)
	}
}
