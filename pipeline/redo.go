package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// Redo has some rows of a published partition done again: it goes on from its
// manifest, with these rows for holes. What becomes of them takes the place of
// their old outcomes, in a manifest that takes the place of the old one.
type Redo struct {
	// ID tells it from every other redo of the partition. It is made from the
	// manifest and the rows, so that a successor with the same task goes on
	// where this one was.
	ID string `json:"id"`
	// Manifest is the version of the manifest that is replaced.
	Manifest string `json:"manifest"`
	Rows     Runs   `json:"rows"`
	// Kept counts the other rows.
	Kept Counts `json:"kept"`
}

func newRedo(manifest string, rows Runs, kept Counts) (*Redo, error) {
	text, err := rows.MarshalText()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(manifest + "\x00" + string(text)))
	return &Redo{ID: hex.EncodeToString(sum[:6]), Manifest: manifest, Rows: rows, Kept: kept}, nil
}

// Selection says which rows of an output are to be done again.
type Selection struct {
	// Classes and Hosts select rows that failed: with one of these classes, and
	// with a source at one of these hosts. None selects all.
	Classes []Class  `json:"classes,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`
	// Repairs names what a verification has found to be wrong (see
	// VerifyRequest), and selects that instead.
	Repairs string `json:"repairs,omitempty"`
}

// Check says what is wrong with s.
func (s Selection) Check() error {
	for _, c := range s.Classes {
		if !slices.Contains(Classes, c) {
			words := make([]string, len(Classes))
			for i, c := range Classes {
				words[i] = string(c)
			}
			return Usagef("there is no error class %q; there are %s", c, strings.Join(words, ", "))
		}
	}
	if slices.Contains(s.Hosts, "") {
		return Usagef("a host is empty")
	}
	return nil
}

// mayMatch reports whether rows that are counted by c can be selected.
func (s Selection) mayMatch(c Counts) bool {
	if len(s.Classes) == 0 {
		return c.Failed > 0
	}
	return slices.ContainsFunc(s.Classes, func(class Class) bool { return c.Errors[class] > 0 })
}

// matches reports whether a row is selected.
func (s Selection) matches(o Outcome) bool {
	if o.Status != Failed || len(s.Classes) > 0 && !slices.Contains(s.Classes, o.Class) {
		return false
	}
	return len(s.Hosts) == 0 || o.Source != nil && slices.ContainsFunc(s.Hosts, func(host string) bool {
		return strings.EqualFold(host, hostOf(*o.Source)) || strings.EqualFold(host, hostPortOf(*o.Source))
	})
}

// hostPortOf is the host that a source names, with its port if it names one; ""
// if it is no URL. It reads URLs as people have them, which url.Parse may not.
func hostPortOf(source string) string {
	_, rest, ok := strings.Cut(source, "//")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

func hostOf(source string) string { return (&url.URL{Host: hostPortOf(source)}).Hostname() }
