package storing

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// conformance is what every store must do. Each case gets an empty one.
var conformance = []struct {
	name string
	run  func(*testing.T, *Store)
}{
	{"what was written is read", writtenIsRead},
	{"an object of 20 MB is streamed", streamsLarge},
	{"an object of no bytes", storesEmpty},
	{"a later write replaces an earlier one", replaces},
	{"if absent refuses to replace", refusesToReplace},
	{"if version refuses to replace another", replacesItsVersion},
	{"a fill that fails leaves nothing", failedFillLeavesNothing},
	{"a fill that panics leaves nothing", panickedFillLeavesNothing},
	{"a context that ends midway leaves nothing", cancelLeavesNothing},
	{"an ended context writes nothing", endedContextWritesNothing},
	{"a failed overwrite keeps the object", failedOverwriteKeeps},
	{"writers at once leave one whole object", concurrentWriters},
	{"of writers at once if absent, one wins", concurrentIfAbsent},
	{"keys of many kinds", oddKeys},
	{"keys that no store can hold", unusableKeys},
	{"what is missing", missingIsSaid},
	{"delete twice", deleteTwice},
	{"a listing is in the order of keys", listsInOrder},
	{"a listing begins with its prefix", listsPrefix},
	{"a listing crosses pages", listsPages},
	{"a listing is left early", listLeftEarly},
	{"old leftovers are swept", sweepsOldLeftovers},
	{"versions agree, and change with the bytes", versionsAgree},
	{"ranges", readsRanges},
	{"ranges at once", readsAtOnce},
}

// opened tells the buckets of mem:// apart, which outlive a test.
var opened atomic.Int64

func TestConformance(t *testing.T) {
	runAll := func(t *testing.T, open func(t *testing.T) *Store) {
		for _, c := range conformance {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	}
	t.Run("file", func(t *testing.T) {
		runAll(t, func(t *testing.T) *Store { return mustOpen(t, t.TempDir()) })
	})
	t.Run("mem", func(t *testing.T) {
		runAll(t, func(t *testing.T) *Store {
			return mustOpen(t, fmt.Sprintf("mem://%s-%d/some/prefix", bucketName(t), opened.Add(1)))
		})
	})
	t.Run("s3", func(t *testing.T) {
		server := s3test.Start(t)
		runAll(t, func(t *testing.T) *Store {
			return mustOpen(t, strings.Replace(server.Bucket(t, bucketName(t)), "?", "/some prefix/é?", 1))
		})
	})
}

func mustOpen(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// bucketName makes a name that S3 takes out of the test's.
func bucketName(t *testing.T) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	name = name[strings.Index(name, "-")+1:]
	return strings.Trim(name[:min(len(name), 60)], "-")
}

func write(t *testing.T, s *Store, key, body string) {
	t.Helper()
	if err := s.Write(t.Context(), key, []byte(body), nil); err != nil {
		t.Fatal(err)
	}
}

func wantBody(t *testing.T, s *Store, key, body string) {
	t.Helper()
	got, err := s.Read(t.Context(), key)
	if err != nil || string(got) != body {
		t.Errorf("read %q: %d bytes %.40q, %v; want %d bytes", key, len(got), got, err, len(body))
	}
}

// keys lists everything, and fails on an error.
func keys(t *testing.T, s *Store, prefix string) []string {
	t.Helper()
	var found []string
	for o, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, o.Key)
	}
	return found
}

func wantKeys(t *testing.T, s *Store, prefix string, want ...string) {
	t.Helper()
	if got := keys(t, s, prefix); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("objects under %q:\n%q\nwant\n%q", prefix, got, want)
	}
}
