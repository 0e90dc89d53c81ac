package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// manifestRow is what a reader that is not sluice's own finds in a manifest, or
// in a part.
type manifestRow struct {
	File   string  `parquet:"file"`
	Row    int64   `parquet:"row"`
	Source *string `parquet:"source,optional"`
	Status string  `parquet:"status"`
	Key    *string `parquet:"key,optional"`
}

// read reads Parquet files, each of whose names matches a pattern.
func read(t *testing.T, pattern string) (rows []manifestRow) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		some, err := parquet.ReadFile[manifestRow](file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		rows = append(rows, some...)
	}
	return rows
}

// manifests are the rows of an output.
func manifests(t *testing.T, out string) []manifestRow {
	t.Helper()
	return read(t, filepath.Join(out, "manifest", "*.parquet"))
}

// stored checks that the images which rows name are there, and returns how many
// rows name one.
func stored(t *testing.T, out string, rows []manifestRow) (n int) {
	t.Helper()
	for _, row := range rows {
		if row.Key == nil {
			continue
		}
		n++
		if info, err := os.Stat(filepath.Join(out, *row.Key)); err != nil || info.Size() == 0 {
			t.Errorf("%s row %d names %s: %v", row.File, row.Row, *row.Key, err)
		}
	}
	return n
}
