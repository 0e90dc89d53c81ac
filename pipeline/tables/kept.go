package tables

import (
	"strconv"
	"strings"
)

// keptNames are the names of kept columns in the manifest. One whose name is
// taken by a column of the manifest's own gets "input_" in front of it, and a
// number behind it where that is taken, too. Names that differ in case alone
// are the same to DuckDB and Spark.
func keptNames(kept []column) []string {
	taken := map[string]bool{} // in lower case
	for _, c := range fixed {
		taken[c.name] = true
	}
	names := make([]string, len(kept))
	// First those that keep their names, so that no other column gets them.
	for i, c := range kept {
		if lower := strings.ToLower(c.name); !taken[lower] {
			taken[lower] = true
			names[i] = c.name
		}
	}
	for i, c := range kept {
		if names[i] != "" {
			continue
		}
		base := "input_" + c.name
		name := base
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = base + "_" + strconv.Itoa(n)
		}
		taken[strings.ToLower(name)] = true
		names[i] = name
	}
	return names
}
