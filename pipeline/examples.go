package pipeline

import (
	"fmt"
	"maps"
	"strings"
)

// Examples are failed rows that stand for their classes, one for each class: for
// people, who ask what "http_4xx" was.
type Examples map[Class]Example

// Example is a failed row.
type Example struct {
	Row     int64  `json:"row"`
	File    string `json:"file"`
	Source  string `json:"source,omitempty"`
	Message string `json:"message"`
}

// String says it in one line.
func (e Example) String() string {
	return fmt.Sprintf("%s row %d: %s", e.File, e.Row, strings.TrimSpace(e.Source+"  "+e.Message))
}

// maxExample is how much of a source or message is kept, in bytes: a checkpoint
// holds one of each class at most.
const maxExample = 200

func exampleOf(file string, o Outcome) Example {
	e := Example{Row: o.Row, File: file, Message: cutText(o.Message)}
	if o.Source != nil {
		e.Source = cutText(*o.Source)
	}
	return e
}

func cutText(s string) string {
	if len(s) <= maxExample {
		return s
	}
	return strings.ToValidUTF8(s[:maxExample-len("…")], "") + "…"
}

// Plus are the examples of both, e's where both have one. Neither is changed.
func (e Examples) Plus(f Examples) Examples {
	if len(f) == 0 {
		return e
	}
	sum := maps.Clone(f)
	maps.Copy(sum, e)
	return sum
}
