package pipeline

import (
	"fmt"
	"strings"
)

// DefaultKey is the default template of an image's key. The hash is what makes
// it safe: other bytes are another object, so neither work done again nor a
// zombie changes what a manifest names.
const DefaultKey = ImagePrefix + "{partition}/{row}-{hash}.{ext}"

// KeyTemplate makes the keys of images.
type KeyTemplate struct {
	pieces []string // literals at even places, names of fields at odd ones
}

// keyFields are the fields of a template.
const keyFields = "{partition}, {row}, {hash}, {ext}"

// ParseKeyTemplate reads a template such as DefaultKey, which "" stands for.
// Images stay under images/, so that they cannot meet a manifest, and the row
// and its partition, or the hash, must be in it, so that two rows do not meet.
func ParseKeyTemplate(s string) (KeyTemplate, error) {
	if s == "" {
		s = DefaultKey
	}
	var t KeyTemplate
	has := map[string]bool{}
	rest := s
	for {
		lit, after, open := strings.Cut(rest, "{")
		if strings.Contains(lit, "}") {
			return t, Usagef("key %q: a } without its {", s)
		}
		t.pieces = append(t.pieces, lit)
		if !open {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return t, Usagef("key %q: a { without its }", s)
		}
		switch name {
		case "partition", "row", "hash", "ext":
		default:
			return t, Usagef("key %q: {%s} is none of %s", s, name, keyFields)
		}
		has[name] = true
		t.pieces = append(t.pieces, name)
		rest = tail
	}
	if !strings.HasPrefix(s, ImagePrefix) {
		return t, Usagef("key %q does not begin with %s", s, ImagePrefix)
	}
	if !has["hash"] && (!has["partition"] || !has["row"]) {
		return t, Usagef("key %q: with neither {hash} nor both {partition} and {row}, images would overwrite each other", s)
	}
	for seg := range strings.SplitSeq(s, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return t, Usagef("key %q has an empty, . or .. segment", s)
		}
	}
	return t, nil
}

// Key is the key of one image; hash is 16 hex digits of its SHA-256.
func (t KeyTemplate) Key(partition string, row int64, hash string, f Format) string {
	var b strings.Builder
	for i, p := range t.pieces {
		if i%2 == 0 {
			b.WriteString(p)
			continue
		}
		switch p {
		case "partition":
			b.WriteString(partition)
		case "row":
			fmt.Fprintf(&b, "%09d", row)
		case "hash":
			b.WriteString(hash)
		case "ext":
			b.WriteString(f.Ext())
		}
	}
	return b.String()
}
