package storing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sluice/pipeline"
)

// noise is n bytes that neither compress nor repeat.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func writtenIsRead(t *testing.T, s *Store) {
	write(t, s, "images/p/1.jpg", "bytes")
	wantBody(t, s, "images/p/1.jpg", "bytes")
	o, err := s.Stat(t.Context(), "images/p/1.jpg")
	if err != nil || o.Key != "images/p/1.jpg" || o.Size != 5 || o.Version == "" || o.ModTime.IsZero() {
		t.Errorf("stat: %+v, %v", o, err)
	}
}

func streamsLarge(t *testing.T, s *Store) {
	body := noise(1, 20<<20)
	err := s.Stream(t.Context(), "large", func(w io.Writer) error {
		_, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(body)})
		return err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Read(t.Context(), "large")
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

func storesEmpty(t *testing.T, s *Store) {
	write(t, s, "a/empty", "")
	wantBody(t, s, "a/empty", "")
	if err := s.Stream(t.Context(), "a/streamed", func(io.Writer) error { return nil }, nil); err != nil {
		t.Error(err)
	}
	wantKeys(t, s, "", "a/empty", "a/streamed")
}

func replaces(t *testing.T, s *Store) {
	write(t, s, "k", "one")
	write(t, s, "k", "three")
	wantBody(t, s, "k", "three")
	wantKeys(t, s, "", "k")
}

func refusesToReplace(t *testing.T, s *Store) {
	once := &pipeline.WriteOptions{IfAbsent: true}
	if err := s.Write(t.Context(), "k", []byte("one"), once); err != nil {
		t.Fatal(err)
	}
	err := s.Write(t.Context(), "k", []byte("two"), once)
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), s.URL()) {
		t.Errorf("a second write: %v, want fs.ErrExist and the store's name", err)
	}
	err = s.Stream(t.Context(), "k", func(w io.Writer) error {
		_, err := w.Write(noise(2, 12<<20)) // in parts, on S3
		return err
	}, once)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("a third: %v, want fs.ErrExist", err)
	}
	wantBody(t, s, "k", "one")
	wantNothingLeft(t, s)
}

// midway writes enough for S3 to have sent two parts, then calls stop.
func midway(stop func() error) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, err := w.Write(noise(3, 12<<20)); err != nil {
			return err
		}
		return stop()
	}
}

func failedFillLeavesNothing(t *testing.T, s *Store) {
	broken := errors.New("the row source broke")
	for name, fill := range map[string]func(io.Writer) error{
		"at once":        func(io.Writer) error { return broken },
		"after a little": func(w io.Writer) error { _, _ = io.WriteString(w, "some"); return broken },
		"midway":         midway(func() error { return broken }),
	} {
		if err := s.Stream(t.Context(), "k", fill, nil); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the error of fill", name, err)
		}
	}
	wantKeys(t, s, "")
	wantNothingLeft(t, s)
}

func panickedFillLeavesNothing(t *testing.T, s *Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Stream(t.Context(), "k", midway(func() error { panic("fill") }), nil)
	}()
	wantKeys(t, s, "")
	wantNothingLeft(t, s)
}

func cancelLeavesNothing(t *testing.T, s *Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Stream(ctx, "k", midway(func() error { cancel(); return nil }), nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), s.URL()) {
		t.Errorf("%v, want context.Canceled and the store's name", err)
	}
	wantKeys(t, s, "")
	wantNothingLeft(t, s)
}

func endedContextWritesNothing(t *testing.T, s *Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, "k", []byte("body"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	wantKeys(t, s, "")
}

func failedOverwriteKeeps(t *testing.T, s *Store) {
	write(t, s, "k", "kept")
	broken := errors.New("broken")
	if err := s.Stream(t.Context(), "k", midway(func() error { return broken }), nil); !errors.Is(err, broken) {
		t.Errorf("%v, want the error of fill", err)
	}
	wantBody(t, s, "k", "kept")
}

func concurrentWriters(t *testing.T, s *Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			// Lengths differ, so that two writes mixed would show.
			if err := s.Write(t.Context(), "k", bytes.Repeat([]byte{'a' + byte(i)}, 300<<10+i), nil); err != nil {
				t.Error(err)
			}
			write(t, s, fmt.Sprintf("own/%d", i), "x")
		})
	}
	wg.Wait()
	got, err := s.Read(t.Context(), "k")
	if err != nil || len(got) < 300<<10 || !bytes.Equal(got, bytes.Repeat(got[:1], 300<<10+int(got[0]-'a'))) {
		t.Errorf("%d bytes, %v: not what one writer wrote", len(got), err)
	}
	if n := len(keys(t, s, "own/")); n != 8 {
		t.Errorf("%d objects of 8", n)
	}
}

func concurrentIfAbsent(t *testing.T, s *Store) {
	if s.folder() {
		t.Skip("a file system has no such promise: two writers at the same instant can both succeed")
	}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Write(t.Context(), "k", []byte{byte(i)}, &pipeline.WriteOptions{IfAbsent: true})
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("writers %d and %d both won", winner, i)
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("writer %d: %v, want fs.ErrExist", i, err)
		}
	}
	if winner >= 0 {
		wantBody(t, s, "k", string([]byte{byte(winner)}))
	}
}

// wantNothingLeft fails if an upload to S3 left parts behind.
func wantNothingLeft(t *testing.T, s *Store) {
	t.Helper()
	var client *s3.Client
	if !s.bucket.As(&client) {
		return
	}
	left, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.at.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range left.Uploads {
		t.Errorf("an upload of %s was not removed", *u.Key)
	}
}
