package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pipeline"
)

// What a worker has opened before says nothing about what is there now.
func TestAnOutputIsMadeEachTimeThatARunBegins(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	s := newStores()
	if _, err := s.output(t.Context(), in, out, false, nil); err == nil || !strings.Contains(err.Error(), "--output: file://"+out) {
		t.Errorf("what is not there was opened, or: %v", err)
	}
	for range 2 {
		if _, err := s.output(t.Context(), in, out, true, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(out); err != nil {
			t.Errorf("it was not made: %v", err)
		}
	}
	if _, err := s.output(t.Context(), in, out, false, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("it was made for a run that had begun before")
	}
}

func TestOpeningNamesTheFlag(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.parquet")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, in, out, want string }{
		{"no dataset", dir + "/none", dir + "/out", "--input: file://" + dir + "/none does not exist"},
		{"a dataset that is a file", file, dir + "/out", "--input: file://" + file + " is a file"},
		{"an output that cannot be made", dir, "/proc/nope/x", "--output: file:///proc/nope/x cannot be written"},
		{"an output that is a file", "mem://x", file, "--output: file://" + file + " cannot be written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newStores().output(t.Context(), c.in, c.out, true, nil)
			var usage *pipeline.UsageError
			if !errors.As(err, &usage) || !strings.HasPrefix(usage.Message, c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
