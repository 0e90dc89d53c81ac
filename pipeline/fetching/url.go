package fetching

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"sluice/pipeline"
)

// parseURL reads a URL as users have them, and as browsers take them: with
// spaces, Unicode, a % that stands for itself, a backslash for a slash. What is
// escaped already stays as it is: an origin may tell %2F from / and %7e from ~.
func parseURL(raw string) (*url.URL, error) {
	scheme, rest, _ := strings.Cut(unbroken(raw), ":")
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		return nil, pipeline.Fail(pipeline.Blocked, "the scheme %q is neither http nor https, and other stores are read only under --allow-source", scheme)
	}
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return nil, pipeline.Fail(pipeline.InvalidSource, "not a URL: %s: is not followed by //", scheme)
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return nil, pipeline.Fail(pipeline.Blocked, "the URL carries a user name or a password")
	}
	u, err := url.Parse(scheme + "://" + authority + escapeStray(path))
	if err != nil {
		return nil, pipeline.Fail(pipeline.InvalidSource, "not a URL: the host %.100q cannot be read", authority)
	}
	if u.Host, err = ascii(u.Host); err != nil {
		return nil, err
	}
	return u, checkHost(u)
}

// ascii is a host and port whose host is written as DNS knows it: müller.de is
// xn--mller-kva.de. Digits of other scripts become digits, and so must be
// looked at afterwards.
func ascii(hostPort string) (string, error) {
	if strings.IndexFunc(hostPort, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return hostPort, nil
	}
	host, port, _ := strings.Cut(hostPort, ":")
	name, err := idna.Lookup.ToASCII(host)
	if err != nil || !utf8.ValidString(host) {
		return "", pipeline.Fail(pipeline.InvalidSource, "not a URL: the host %.100q is no name of the internet", host)
	}
	if port != "" {
		name += ":" + port
	}
	return name, nil
}

// resolve is where a redirect of base leads. What cannot be read is the fault of
// who redirects, and not of the source.
func resolve(base *url.URL, location string) (*url.URL, error) {
	u, err := reference(base, strings.TrimSpace(location))
	if failed, ok := pipeline.AsRowError(err); ok && failed.Class == pipeline.InvalidSource {
		return nil, pipeline.Fail(pipeline.Redirect, "it redirects to what is %s", failed.Message)
	}
	return u, err
}

func reference(base *url.URL, location string) (*url.URL, error) {
	if flat := unbroken(location); strings.HasPrefix(flat, "//") {
		return parseURL(base.Scheme + ":" + flat)
	}
	if schemed.MatchString(location) {
		return parseURL(location)
	}
	u, err := base.Parse(escapeStray(unbroken(location)))
	if err != nil {
		return nil, pipeline.Fail(pipeline.InvalidSource, "not a URL")
	}
	return u, checkHost(u)
}

// unbroken drops line breaks and tabs, which browsers drop too, and the
// fragment, and turns backslashes before the query into slashes.
func unbroken(raw string) string {
	raw = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(raw)
	raw, _, _ = strings.Cut(raw, "#")
	head, query, ok := strings.Cut(raw, "?")
	head = strings.ReplaceAll(head, `\`, "/")
	if ok {
		head += "?" + query
	}
	return head
}

// escapeStray escapes what no request line can hold, and nothing else.
func escapeStray(path string) string {
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c == '%' && !escapes(path[i:]), c <= ' ', c >= 0x7f, strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escapes is whether s, which begins with a %, begins with an escaped byte.
func escapes(s string) bool {
	if len(s) < 3 {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil
}

// checkHost refuses hosts that cannot be dialled, and addresses that are spelled
// to be taken for something else.
func checkHost(u *url.URL) error {
	host := u.Hostname()
	if host == "" {
		return pipeline.Fail(pipeline.InvalidSource, "not a URL: it names no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return pipeline.Fail(pipeline.InvalidSource, "not a URL: there is no port %.20s", port)
		}
	}
	if numeric(host) {
		if _, err := netip.ParseAddr(host); err != nil {
			return pipeline.Fail(pipeline.Blocked, "the host %.60q is an address in a spelling that only hides it", host)
		}
	}
	return nil
}

// numeric is whether a host ends in a number, and so is an IPv4 address by the
// rules of browsers and of some resolvers: 2130706433, 0x7f.1 and 0177.0.0.1 are
// all 127.0.0.1.
func numeric(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
