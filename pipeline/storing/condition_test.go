package storing

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"sluice/pipeline"
)

func replacesItsVersion(t *testing.T, s *Store) {
	if err := s.Write(t.Context(), "k", []byte("x"), &pipeline.WriteOptions{IfVersion: "none"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("where there is no object: %v, want fs.ErrExist", err)
	}
	version := func() string {
		o, err := s.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		return o.Version
	}
	write(t, s, "k", "one")
	first := version()
	if err := s.Write(t.Context(), "k", []byte("two, longer"), &pipeline.WriteOptions{IfVersion: first}); err != nil {
		t.Fatalf("over the version that is there: %v", err)
	}
	wantBody(t, s, "k", "two, longer")
	if err := s.Write(t.Context(), "k", []byte("three"), &pipeline.WriteOptions{IfVersion: first}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another version: %v, want fs.ErrExist", err)
	}
	large := noise(2, 12<<20) // in parts, on S3
	stream := func(w io.Writer) error { _, err := w.Write(large); return err }
	if err := s.Stream(t.Context(), "k", stream, &pipeline.WriteOptions{IfVersion: first}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another version, in parts: %v, want fs.ErrExist", err)
	}
	wantBody(t, s, "k", "two, longer")
	if err := s.Stream(t.Context(), "k", stream, &pipeline.WriteOptions{IfVersion: version()}); err != nil {
		t.Errorf("over the version that is there, in parts: %v", err)
	}
	wantBody(t, s, "k", string(large))
	wantNothingLeft(t, s)
}
