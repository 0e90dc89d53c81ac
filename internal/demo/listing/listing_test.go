package listing

import (
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestEachRowIsInOneFileAndItsURLIsItsOwn(t *testing.T) {
	folder := t.TempDir()
	rows := Rows("http://127.0.0.1:1", []string{"a b.jpg", "c/d.png", "e#?.webp"}, 25)
	if err := Write(folder, rows, 8); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.parquet"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	urls := map[string]bool{}
	var id int64
	for _, file := range files {
		read, err := parquet.ReadFile[Row](file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range read {
			if r.ID != id {
				t.Errorf("%s: row %d where %d belongs", file, r.ID, id)
			}
			urls[r.Path] = true
			id++
		}
	}
	if len(urls) != 25 {
		t.Errorf("%d URLs for 25 rows", len(urls))
	}
	for _, u := range []string{"http://127.0.0.1:1/a%20b.jpg", "http://127.0.0.1:1/c/d.png?pass=2", "http://127.0.0.1:1/e%23%3F.webp"} {
		if !urls[u] {
			t.Errorf("no row of %s", u)
		}
	}
}
