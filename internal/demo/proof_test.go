package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/demo/listing"
)

func TestTheProofFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(entries []entry, output string) []entry
		want  string // part of the only problem; "" for none
	}{
		{"nothing", func(es []entry, _ string) []entry { return es }, ""},
		{"a failed row with its class", func(es []entry, _ string) []entry {
			es[1].Status, es[1].Class, es[1].Key, es[1].SHA256 = "failed", new("timeout"), nil, nil
			return es
		}, ""},
		{"a failed row without a class", func(es []entry, _ string) []entry {
			es[1].Status = "failed"
			return es
		}, "nothing says why"},
		{"a row is missing", func(es []entry, _ string) []entry { return es[1:] }, "row 0 is missing"},
		{"a row stands twice", func(es []entry, _ string) []entry { return append(es, es[2]) }, "twice"},
		{"a row of no dataset", func(es []entry, _ string) []entry {
			e := es[2]
			e.Row = 99
			return append(es, e)
		}, "not in the dataset"},
		{"another source", func(es []entry, _ string) []entry {
			es[0].Source = new("http://elsewhere/")
			return es
		}, "another source"},
		{"an image is gone", func(es []entry, output string) []entry {
			if err := os.Remove(filepath.Join(output, *es[1].Key)); err != nil {
				panic(err)
			}
			return es
		}, "no such file"},
		{"an image is cut short", func(es []entry, output string) []entry {
			if err := os.Truncate(filepath.Join(output, *es[1].Key), 1); err != nil {
				panic(err)
			}
			return es
		}, "other bytes"},
		{"an image of another size", func(es []entry, output string) []entry {
			es[1].SHA256 = new(picture(filepath.Join(output, *es[1].Key), 255, 256))
			return es
		}, "is 255x256"},
		{"no image", func(es []entry, output string) []entry {
			if err := os.WriteFile(filepath.Join(output, *es[1].Key), []byte("<html>"), 0o600); err != nil {
				panic(err)
			}
			sum := sha256.Sum256([]byte("<html>"))
			es[1].SHA256 = new(hex.EncodeToString(sum[:]))
			return es
		}, "unknown format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &demo{here: t.TempDir(), rows: 3}
			entries := published(t, d)
			write(t, d, c.spoil(entries, d.output()))
			p, err := examine(d.input(), d.output(), false)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(p.problems) > 0:
				t.Errorf("found %q", p.problems)
			case c.want != "" && (len(p.problems) != 1 || !strings.Contains(p.problems[0], c.want)):
				t.Errorf("found %q, want %q", p.problems, c.want)
			}
		})
	}
}

// Of images that were made here, every row has to be ok.
func TestTheProofTakesNoFailureOfASoundImage(t *testing.T) {
	d := &demo{here: t.TempDir(), rows: 3}
	entries := published(t, d)
	entries[1].Status, entries[1].Class = "failed", new("timeout")
	write(t, d, entries)
	p, err := examine(d.input(), d.output(), true)
	if err != nil || len(p.problems) != 1 || !strings.Contains(p.problems[0], "1 rows are not ok") {
		t.Errorf("found %+v, %v", p, err)
	}
}

// picture makes a JPEG of its own for each name, and returns its digest.
func picture(path string, width, height int) string {
	m := image.NewGray(image.Rect(0, 0, width, height))
	copy(m.Pix, path)
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, nil) // to memory: cannot fail
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// published makes a dataset of three rows, their images, and the entries of a
// manifest.
func published(t *testing.T, d *demo) (entries []entry) {
	t.Helper()
	images := filepath.Join(d.output(), "images")
	for _, folder := range []string{d.input(), images, filepath.Join(d.output(), "manifest")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rows := []listing.Row{{Path: "http://a/0"}, {Path: "http://a/1"}, {Path: "http://a/2"}}
	for i := range rows {
		rows[i].Taken = time.Unix(0, 0)
		key := fmt.Sprintf("images/%d.jpg", i)
		sum := picture(filepath.Join(d.output(), key), side, side)
		entries = append(entries, entry{
			File: "part-00000.parquet", Row: int64(i), Source: &rows[i].Path, Status: "ok",
			Key: &key, SHA256: &sum,
		})
	}
	if err := listing.Write(d.input(), rows, 1); err != nil {
		t.Fatal(err)
	}
	return entries
}

func write(t *testing.T, d *demo, entries []entry) {
	t.Helper()
	if err := parquet.WriteFile(filepath.Join(d.output(), "manifest", "p.parquet"), entries); err != nil {
		t.Fatal(err)
	}
}
