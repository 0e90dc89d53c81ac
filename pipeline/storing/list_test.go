package storing

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

func oddKeys(t *testing.T, s *Store) {
	odd := []string{
		"a b/c d.jpg", "ünïcødé/写真.jpg", "100%/50%25.jpg", "q?a=b&c#d.jpg", "a+b=c.jpg", "it's \"quoted\".jpg",
		"back\\slash.jpg", "star*.jpg", "colon:1.jpg", "a__0x2f__b/x__0x41__.jpg", "x.tmp", ".hidden", "_under", "a.jpg.0.tmp",
		"deep/" + strings.Repeat("d/", 40) + "leaf", "tab\there.jpg", "e\u0301 and \u00e9",
	}
	for _, key := range odd {
		write(t, s, key, key)
	}
	listed := keys(t, s, "")
	for _, key := range odd {
		wantBody(t, s, key, key)
		if !slices.Contains(listed, key) {
			t.Errorf("%q is not listed", key)
		}
		if got := keys(t, s, key); !slices.Contains(got, key) {
			t.Errorf("%q is not listed under itself, only %q", key, got)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	wantKeys(t, s, "")
}

func listsInOrder(t *testing.T, s *Store) {
	// A walk of folders comes by a/x before a-b; the bytes of the keys do not.
	want := []string{"a!/x", "a-b", "a-b2/x", "a.c", "a/x", "a/x-y", "a/x/z", "a0", "b"}
	if s.at.Scheme == "s3" || s.folder() {
		// No file can be named like a folder beside it.
		want = slices.DeleteFunc(want, func(k string) bool { return k == "a/x" })
	}
	for _, key := range slices.Backward(want) {
		write(t, s, key, "x")
	}
	wantKeys(t, s, "", want...)
}

func listsPrefix(t *testing.T, s *Store) {
	for _, key := range []string{"_runs/1/plan", "images/p/1", "images/p/2", "images/pq/3", "manifest/a.parquet", "manifest/b.parquet", "manifests", "other"} {
		write(t, s, key, "x")
	}
	wantKeys(t, s, "manifest/", "manifest/a.parquet", "manifest/b.parquet")
	wantKeys(t, s, "manifest", "manifest/a.parquet", "manifest/b.parquet", "manifests")
	wantKeys(t, s, "images/p/", "images/p/1", "images/p/2")
	wantKeys(t, s, "images/p", "images/p/1", "images/p/2", "images/pq/3")
	wantKeys(t, s, "images/p/2", "images/p/2")
	wantKeys(t, s, "none/")
	wantKeys(t, s, "non")
}

func listsPages(t *testing.T, s *Store) {
	want := make([]string, 1005) // S3 shows 1,000 a page
	var wg errgroup.Group
	wg.SetLimit(16)
	for i := range want {
		want[i] = fmt.Sprintf("p/%05d", i)
		wg.Go(func() error { return s.Write(t.Context(), want[i], nil, nil) })
	}
	if err := wg.Wait(); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, "p/", want...)
}

func listLeftEarly(t *testing.T, s *Store) {
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		write(t, s, key, "x")
	}
	for o, err := range s.List(t.Context(), "") {
		if err != nil || o.Key != "a/1" {
			t.Errorf("%q, %v; want a/1", o.Key, err)
		}
		break
	}
}

func TestFolderListsWhatGocloudWouldNot(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"blobs/1":                          "parquet",
		"a/x.parquet":                      "x",
		"a/x.parquet.18a1b2c3d4e5f607.tmp": "half of it",
		"a/user.tmp":                       "a user's own",
		"a/x.parquet.attrs":                "a sidecar",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"linked.parquet": "blobs/1", "dangling": "nowhere", "round": ".", "self": "self",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	through := filepath.Join(t.TempDir(), "link to the folder")
	if err := os.Symlink(dir, through); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{dir, through} {
		s := mustOpen(t, root)
		os.Remove(filepath.Join(dir, "self"))
		wantKeys(t, s, "", "a/user.tmp", "a/x.parquet", "blobs/1", "linked.parquet")
		for o, err := range s.List(t.Context(), "linked") {
			if err != nil || o.Size != int64(len("parquet")) {
				t.Errorf("a link to a file is listed as %+v, %v", o, err)
			}
			if stat, err := s.Stat(t.Context(), o.Key); err != nil || stat.Version != o.Version {
				t.Errorf("listed as %s, stat is %s, %v", o.Version, stat.Version, err)
			}
		}
	}
}

func TestAFolderThatMayNotBeReadIsAnError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read every folder")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "locked"), 0); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	var failed error
	for _, err := range s.List(t.Context(), "") {
		failed = err
	}
	if failed == nil {
		t.Error("a folder was passed over silently")
	}
}

func TestListingAPrefixOpensNoOtherFolder(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	write(t, s, "images/p/1.jpg", "x")
	write(t, s, "manifest/a.parquet", "x")
	opened := watchOpens(t, filepath.Join(s.at.Path, "images"))
	wantKeys(t, s, "manifest/", "manifest/a.parquet")
	if opened() {
		t.Error("images/ was opened to list manifest/")
	}
	wantKeys(t, s, "", "images/p/1.jpg", "manifest/a.parquet")
	if !opened() {
		t.Error("the watch saw nothing where there was something to see")
	}
}

// watchOpens reports whether anybody opened dir since it was last asked.
func watchOpens(t *testing.T, dir string) func() bool {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return func() bool {
		n, _ := syscall.Read(fd, make([]byte, 4096))
		return n > 0
	}
}
