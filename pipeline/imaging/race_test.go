//go:build race

package imaging

// raced is whether the race detector is on: its shadow of Go's memory is several
// times as large, and not what Cost is about.
const raced = true
