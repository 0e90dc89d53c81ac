package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &demo{here: t.TempDir(), rows: 3}
			entries := published(t, d)
			write(t, d, c.spoil(entries, d.output()))
			p, err := examine(d.input(), d.output())
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
		body := fmt.Appendf(nil, "image %d", i)
		key := fmt.Sprintf("images/%d.jpg", i)
		if err := os.WriteFile(filepath.Join(d.output(), key), body, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		entries = append(entries, entry{
			File: "part-00000.parquet", Row: int64(i), Source: &rows[i].Path, Status: "ok",
			Key: &key, SHA256: new(hex.EncodeToString(sum[:])),
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
