//go:build !race

package imaging

// raced is whether the race detector is on.
const raced = false
