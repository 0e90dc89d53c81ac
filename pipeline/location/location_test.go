package location

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pipeline"
)

func TestNormalize(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, raw, want string }{
		{"a bucket", "s3://bucket", "s3://bucket"},
		{"a slash after it", "s3://bucket/", "s3://bucket"},
		{"a prefix", "gs://bucket/a/b/", "gs://bucket/a/b"},
		{"slashes within a prefix are part of its keys", "s3://bucket//a//b", "s3://bucket/a//b"},
		{"a query is dropped", "s3://b/p?endpoint=http://localhost:9000&region=x", "s3://b/p"},
		{"memory", "mem://name/x", "mem://name/x"},
		{"a file URL", "file:///a/b", "file:///a/b"},
		{"cleaned", "file:///a/./c/../b/", "file:///a/b"},
		{"this host", "file://localhost/a", "file:///a"},
		{"the root", "/", "file:///"},
		{"an absolute path", "/a/b/", "file:///a/b"},
		{"a relative path", "x/../y", "file://" + filepath.Join(wd, "y")},
		{"a relative file URL", "file://./y", "file://" + filepath.Join(wd, "y")},
		{"a relative file URL upwards", "file://../y", "file://" + filepath.Join(filepath.Dir(wd), "y")},
		{"a path is literal", "/a b/50%/c#1?", "file:///a%20b/50%25/c%231%3F"},
		{"and its URL is the same place", "file:///a%20b/50%25/c%231%3F", "file:///a%20b/50%25/c%231%3F"},
		{"a space in a URL", "s3://b/a b/ü", "s3://b/a%20b/%C3%BC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Normalize(c.raw)
			if err != nil || got != c.want {
				t.Errorf("Normalize(%q) = %q, %v; want %q", c.raw, got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoLocationIsSaidInOneLine(t *testing.T) {
	for _, c := range []struct{ name, raw, says string }{
		{"nothing", "", "empty"},
		{"an unknown scheme", "http://host/x", "file, s3, gs, azblob, mem"},
		{"no bucket", "s3:///x", "s3://BUCKET"},
		{"a host in a file URL", "file://data/x", "file:///data/x"},
		{"no folder", "file://", "file:///FOLDER"},
		{"a fragment", "s3://b/a#1", "%23"},
		{"a stray percent", "s3://b/50%", "%25"},
		{"up from a bucket", "s3://b/a/../c", `".."`},
		{"credentials", "s3://key:hunter2@b/a", "environment"},
		{"credentials and a stray percent", "s3://key:hunter2@b/%", "%25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Normalize(c.raw)
			var usage *pipeline.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("Normalize(%q): %v, want a UsageError", c.raw, err)
			}
			if s := err.Error(); !strings.Contains(s, c.says) || strings.Contains(s, "\n") || strings.Contains(s, "hunter2") {
				t.Errorf("Normalize(%q) says %q, want one line with %q and no secret", c.raw, s, c.says)
			}
		})
	}
}

func TestContains(t *testing.T) {
	for _, c := range []struct {
		outer, inner string
		want         bool
	}{
		{"s3://b/run", "s3://b/run", true},
		{"s3://b/run", "s3://b/run/x/y", true},
		{"s3://b/run", "s3://b/run2", false},
		{"s3://b", "s3://b/run", true},
		{"s3://b", "s3://bb", false},
		{"s3://b/run/x", "s3://b/run", false},
		{"s3://b/x", "gs://b/x", false},
		{"file:///", "file:///a", true},
		{"file:///", "file:///", true},
		{"file:///a", "file:///", false},
	} {
		if got := Contains(c.outer, c.inner); got != c.want {
			t.Errorf("Contains(%q, %q) = %v", c.outer, c.inner, got)
		}
	}
}

func FuzzNormalizeTwiceIsOnce(f *testing.F) {
	for _, s := range []string{"s3://b/a b", "/x/%2F/../y", "file://localhost/é?x=1", "mem://a//b/", "gs://[::1]/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := Normalize(raw)
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(raw, "\n") {
				t.Errorf("%q: more than one line: %v", raw, err)
			}
			return
		}
		twice, err := Normalize(once)
		if err != nil || twice != once {
			t.Errorf("%q is %q, and that is %q, %v", raw, once, twice, err)
		}
		if !Contains(once, once) {
			t.Errorf("%q is not within itself", once)
		}
	})
}
