package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sluice/pipeline"
)

// checkpoints are the copies of checkpoints beside an output, by partition. What
// they say had been accepted before they were written.
func checkpoints(t *testing.T, out string) map[string]pipeline.Checkpoint {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "_partitions", "*", "checkpoint.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]pipeline.Checkpoint{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // the partition has just been published
		}
		var c pipeline.Checkpoint
		if err == nil {
			err = json.Unmarshal(data, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(filepath.Dir(file))] = c
	}
	return found
}

// only is the checkpoint of an output of one partition, and its name.
func only(t *testing.T, out string) (string, pipeline.Checkpoint) {
	t.Helper()
	found := checkpoints(t, out)
	for name, c := range found {
		if len(found) == 1 {
			return name, c
		}
	}
	t.Fatalf("%d partitions have a checkpoint, want one", len(found))
	return "", pipeline.Checkpoint{}
}

// done are the rows that a checkpoint says are done, of a partition that begins
// with row 0.
func done(c pipeline.Checkpoint) (rows []int) {
	for row := range c.Next {
		if !c.Holes.Contain(row) {
			rows = append(rows, int(row))
		}
	}
	return rows
}

// notAgain checks that rows were asked for once.
func (o *origin) notAgain(t *testing.T, rows []int, path func(int) string) {
	t.Helper()
	if len(rows) == 0 {
		t.Error("nothing had been done: this shows nothing")
	}
	again := 0
	for _, row := range rows {
		if o.asked(path(row)) != 1 {
			again++
		}
	}
	if again > 0 {
		t.Errorf("%d of %d rows of the checkpoint were fetched again", again, len(rows))
	}
}
