package storing

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pipeline"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, url, says string }{
		{"an unknown scheme", "ftp://host/x", "file, s3, gs, azblob, mem"},
		{"a folder that is not there", dir + "/none", "does not exist"},
		{"a file", dir + "/file", "is a file"},
		{"a folder with parameters", "file://" + dir + "?create_dir=1", "takes no parameters"},
		{"a parameter that S3 does not have", "s3://bucket?colour=blue", "colour"},
		{"a parameter that GCS does not have", "gs://bucket?anonymous=true&colour=blue", "colour"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(t.Context(), c.url, nil)
			var usage *pipeline.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want a UsageError in one line with %q", err, c.says)
			}
		})
	}
}

func TestAFolderIsMadeWhenAsked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b", "100%")
	s, err := Open(t.Context(), dir, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, "k", "x")
	if _, err := os.Stat(filepath.Join(dir, "k")); err != nil {
		t.Error(err)
	}
	again := mustOpen(t, s.URL())
	wantBody(t, again, "k", "x")
}

func TestMemoryIsSharedByName(t *testing.T) {
	one, two := mustOpen(t, "mem://"+t.Name()), mustOpen(t, "mem://"+t.Name()+"/p/")
	other := mustOpen(t, "mem://"+t.Name()+"2/p")
	write(t, one, "p/k", "x")
	wantBody(t, two, "k", "x")
	wantKeys(t, two, "", "k")
	wantKeys(t, other, "")
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	wantBody(t, two, "k", "x")
}

func TestURLHasNoQuery(t *testing.T) {
	s := mustOpen(t, "s3://bucket/a/prefix/?region=eu-central-1&endpoint=http://127.0.0.1:1")
	if got, want := s.URL(), "s3://bucket/a/prefix"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
