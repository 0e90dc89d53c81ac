// Package location reads the URLs of stores: it says where one is, and whether
// one lies within another, without opening anything. It imports no driver, so
// the starter can use it.
package location

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"sluice/pipeline"
)

// Schemes are those that there are.
var Schemes = []string{"file", "s3", "gs", "azblob", "mem"}

// Location is a folder of a file system or a prefix of a bucket.
type Location struct {
	Scheme string
	Bucket string // "" for file
	// Path is absolute for file; else it is what keys begin with, with no slash
	// at either end, "" for the whole bucket.
	Path string
	// Query says how to reach the bucket (region, endpoint, ...). It is no part
	// of where it is.
	Query url.Values
}

// Parse reads a URL or a path of the file system, which may be relative. Every
// error is a *pipeline.UsageError.
func Parse(raw string) (Location, error) {
	if raw == "" {
		return Location{}, pipeline.Usagef("an empty URL: give a folder, or a URL such as s3://bucket/prefix")
	}
	if !strings.Contains(raw, "://") {
		return folder(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the whole URL, with any credentials in it.
		return Location{}, pipeline.Usagef("a URL that cannot be read: %v; a %% that stands for itself is written %%25", errors.Unwrap(err))
	}
	switch {
	case !slices.Contains(Schemes, u.Scheme):
		return Location{}, pipeline.Usagef("no store has the scheme %q: there are %s", u.Scheme, strings.Join(Schemes, ", "))
	case u.User != nil:
		return Location{}, pipeline.Usagef("credentials in the URL of %s://%s: they belong in the environment of the worker", u.Scheme, u.Host)
	case u.Fragment != "":
		return Location{}, pipeline.Usagef("%s://%s%s is followed by a #: one that is part of a name is written %%23", u.Scheme, u.Host, u.Path)
	case u.Scheme == "file":
		return fileURL(u)
	case u.Host == "":
		return Location{}, pipeline.Usagef("%s names no bucket: it is %s://BUCKET or %s://BUCKET/PREFIX", raw, u.Scheme, u.Scheme)
	}
	l := Location{Scheme: u.Scheme, Bucket: u.Host, Path: strings.Trim(u.Path, "/"), Query: u.Query()}
	for s := range strings.SplitSeq(l.Path, "/") {
		if s == "." || s == ".." {
			return Location{}, pipeline.Usagef("%s: a bucket has no folders to go up to, so %q is no part of a prefix", l, s)
		}
	}
	return l, nil
}

func folder(path string) (Location, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Location{}, pipeline.Usagef("%s: %v", path, err)
	}
	return Location{Scheme: "file", Path: filepath.ToSlash(abs)}, nil
}

// fileURL also takes file://./x and file://../x, the relative forms of gocloud.
func fileURL(u *url.URL) (Location, error) {
	path := u.Path
	switch u.Host {
	case "", "localhost":
	case ".", "..":
		path = u.Host + path
	default:
		return Location{}, pipeline.Usagef("file://%s%s names the host %q: an absolute path has three slashes, file:///%s%s", u.Host, u.Path, u.Host, u.Host, u.Path)
	}
	if path == "" {
		return Location{}, pipeline.Usagef("file:// names no folder: it is file:///FOLDER")
	}
	l, err := folder(path)
	l.Query = u.Query()
	return l, err
}

// String is the URL without the query.
func (l Location) String() string {
	path := l.Path
	if path != "" && path[0] != '/' {
		path = "/" + path
	}
	return (&url.URL{Scheme: l.Scheme, Host: l.Bucket, Path: path}).String()
}

// Normalize is the one spelling of the URL of a store, without its query: two
// spellings of a location are equal once they are normalized. Symbolic links
// are not resolved.
func Normalize(raw string) (string, error) {
	l, err := Parse(raw)
	if err != nil {
		return "", err
	}
	return l.String(), nil
}

// Contains reports whether inner is outer or lies within it, segment by
// segment: s3://b/run2 is not within s3://b/run. Both are normalized URLs.
func Contains(outer, inner string) bool {
	outer = strings.TrimRight(outer, "/")
	return inner == outer || strings.HasPrefix(inner, outer+"/")
}
