package fetching

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"sluice/pipeline"
)

// schemed begins a URL. A key of the dataset can have a colon, too.
var schemed = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://|^(?i:https?|file|data|blob|about|javascript|mailto):`)

// parseSource reads what a column holds: a URL to download, or a key of the
// dataset. Every error is a *pipeline.RowError.
func parseSource(source string) (u *url.URL, key string, err error) {
	source = strings.TrimSpace(source)
	switch {
	case source == "":
		return nil, "", pipeline.Fail(pipeline.InvalidSource, "the source is empty")
	case strings.HasPrefix(source, "//"):
		u, err = parseURL("https:" + source)
	case schemed.MatchString(source):
		u, err = parseURL(source)
	default:
		key, err = parseKey(source)
	}
	return u, key, err
}

// parseKey reads a key relative to a store. What would lead out of it is
// blocked; ./ at the start, or between, is what some tools write.
func parseKey(key string) (string, error) {
	if !utf8.ValidString(key) {
		return "", pipeline.Fail(pipeline.InvalidSource, "the key is not UTF-8")
	}
	var kept []string
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "..":
			return "", pipeline.Fail(pipeline.Blocked, `".." in a key leads out of the dataset`)
		case ".":
		default:
			kept = append(kept, segment)
		}
	}
	switch key = strings.Join(kept, "/"); {
	case key == "":
		return "", pipeline.Fail(pipeline.InvalidSource, "the key names no object")
	case key[0] == '/':
		return "", pipeline.Fail(pipeline.Blocked, "an absolute path: a key is relative to the dataset, and other folders are read only under --allow-source")
	}
	return key, nil
}
