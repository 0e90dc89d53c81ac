package origin

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// Request is one line of a log.
type Request struct {
	At  time.Time
	URI string // path and query
}

// ReadLog reads the log of a server that may still be running.
func ReadLog(path string) ([]Request, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	body = body[:bytes.LastIndexByte(body, '\n')+1] // a line that is just being written
	var requests []Request
	for line := range strings.Lines(string(body)) {
		at, uri, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		t, err := time.Parse(time.RFC3339Nano, at)
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: no line of a request log: %q", path, line)
		}
		requests = append(requests, Request{t, uri})
	}
	return requests, nil
}

// Distinct is how many different URIs were asked for.
func Distinct(requests []Request) int {
	seen := map[string]bool{}
	for _, r := range requests {
		seen[r.URI] = true
	}
	return len(seen)
}
