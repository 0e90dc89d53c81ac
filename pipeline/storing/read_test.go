package storing

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
)

func missingIsSaid(t *testing.T, s *Store) {
	write(t, s, "a.jpg", "x")
	write(t, s, "d/b.jpg", "x")
	for _, key := range []string{"none", "none/at/all", "a.jpg/below a file", "d", strings.Repeat("long", 100)} {
		_, readErr := s.Read(t.Context(), key)
		_, statErr := s.Stat(t.Context(), key)
		_, openErr := s.Open(t.Context(), key)
		for op, err := range map[string]error{"read": readErr, "stat": statErr, "open": openErr} {
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), s.URL()) {
				t.Errorf("%s %.20q: %v, want fs.ErrNotExist and the store's name", op, key, err)
			}
		}
	}
	wantKeys(t, s, "none/")
	wantKeys(t, s, "a.jpg/")
}

func deleteTwice(t *testing.T, s *Store) {
	write(t, s, "d/k", "x")
	for range 2 {
		if err := s.Delete(t.Context(), "d/k"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Delete(t.Context(), "never/there"); err != nil {
		t.Error(err)
	}
	wantKeys(t, s, "")
}

func unusableKeys(t *testing.T, s *Store) {
	for _, key := range []string{"", ".", "..", "../up", "a/../b", "a/./b", "a/", "\xff", strings.Repeat("x/", 600) + "x"} {
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %.20q: %v, want fs.ErrNotExist", key, err)
		}
		if err := s.Write(t.Context(), key, nil, nil); err == nil {
			t.Errorf("%.20q was written", key)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %.20q: %v", key, err)
		}
	}
}

func versionsAgree(t *testing.T, s *Store) {
	listed := func() string {
		t.Helper()
		for o, err := range s.List(t.Context(), "k") {
			if err != nil {
				t.Fatal(err)
			}
			single, err := s.Stat(t.Context(), "k")
			if err != nil || o.Version != single.Version || o.Size != single.Size || o.Key != single.Key {
				t.Fatalf("listed as %+v, stat is %+v, %v", o, single, err)
			}
			r, err := s.Open(t.Context(), "k")
			if err != nil || r.Object().Version != o.Version {
				t.Fatalf("open: %v", err)
			}
			return o.Version
		}
		t.Fatal("not listed")
		return ""
	}
	write(t, s, "k", "one")
	first := listed()
	if again := listed(); again != first {
		t.Errorf("the version went from %s to %s by itself", first, again)
	}
	rewriteLater(t, s, "k", "two")
	second := listed()
	if err := s.Stream(t.Context(), "k", midway(func() error { return nil }), nil); err != nil {
		t.Fatal(err)
	}
	third := listed()
	if first == second || second == third || third == first {
		t.Errorf("the versions of three bodies are %s, %s, %s", first, second, third)
	}
}

// rewriteLater writes until the clock of the file system has moved: it can stand
// still for some milliseconds, in which a body of the same size goes unnoticed.
func rewriteLater(t *testing.T, s *Store, key, body string) {
	t.Helper()
	before, err := s.Stat(t.Context(), key)
	for now := before; err == nil && now.ModTime.Equal(before.ModTime); now, err = s.Stat(t.Context(), key) {
		write(t, s, key, body)
		if s.at.Scheme == "s3" {
			break // an ETag needs no clock
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readsRanges(t *testing.T, s *Store) {
	const size = 3*blockSize + 1000
	body := noise(4, size)
	if err := s.Write(t.Context(), "k", body, nil); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		name   string
		off, n int
		want   int
		err    error
	}{
		{"the head", 0, 4, 4, nil},
		{"the tail", size - 8, 8, 8, nil},
		{"across a seam of blocks", blockSize - 3, 10, 10, nil},
		{"across two", blockSize - 3, blockSize - 1, blockSize - 1, nil},
		{"more than a block", 5, 2*blockSize + 7, 2*blockSize + 7, nil},
		{"all", 0, size, size, nil},
		{"more than all", 0, size + 5, size, io.EOF},
		{"across the end", size - 8, 20, 8, io.EOF},
		{"a block across the end", size - 8, blockSize, 8, io.EOF},
		{"at the end", size, 1, 0, io.EOF},
		{"after the end", size + 100, 1, 0, io.EOF},
		{"nothing", 7, 0, 0, nil},
	} {
		p := make([]byte, c.n)
		n, err := r.ReadAt(p, int64(c.off))
		if n != c.want || !errors.Is(err, c.err) || !bytes.Equal(p[:n], body[min(c.off, size):min(c.off, size)+n]) {
			t.Errorf("%s: %d bytes, %v; want %d, %v", c.name, n, err, c.want, c.err)
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a negative offset: %v", err)
	}
}

func readsAtOnce(t *testing.T, s *Store) {
	body := noise(5, 40*blockSize) // more than are kept
	if err := s.Write(t.Context(), "k", body, nil); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			section := io.NewSectionReader(r, int64(g*10*blockSize), 10*blockSize)
			got, err := io.ReadAll(struct{ io.Reader }{section})
			if err != nil || !bytes.Equal(got, body[g*10*blockSize:(g+1)*10*blockSize]) {
				t.Errorf("section %d: %d bytes, %v", g, len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestSmallReadsShareRequests(t *testing.T) {
	requests := 0
	body := noise(6, 10*blockSize)
	a := readAhead{load: func(p []byte, off int64) (int, error) {
		requests++
		return copy(p, body[off:]), nil
	}}
	var got []byte
	for off := 0; off < len(body); off += 4096 {
		p := make([]byte, 4096)
		if _, err := a.readAt(p, int64(off), int64(len(body))); err != nil {
			t.Fatal(err)
		}
		got = append(got, p...)
	}
	if !bytes.Equal(got, body) || requests != 10 {
		t.Errorf("%d requests for 10 blocks, right bytes: %v", requests, bytes.Equal(got, body))
	}
}

func TestABlockThatFailedIsAskedForAgain(t *testing.T) {
	broken := errors.New("503")
	fail := true
	a := readAhead{load: func(p []byte, off int64) (int, error) {
		if fail {
			return 0, broken
		}
		return len(p), nil
	}}
	p := make([]byte, 10)
	if _, err := a.readAt(p, 0, blockSize); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	fail = false
	if n, err := a.readAt(p, 0, blockSize); n != 10 || err != nil {
		t.Errorf("%d bytes, %v after the store was back", n, err)
	}
}
