// Package listing writes Parquet files that list images by their URLs: the
// input of a run.
package listing

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Row is one row of the files.
type Row struct {
	ID      int64     `parquet:"id"`
	Path    string    `parquet:"path"` // URL
	Caption string    `parquet:"caption"`
	Taken   time.Time `parquet:"taken,timestamp(millisecond)"`
}

// Rows lists n rows of images, which are slash-separated names under base.
// Where there are more rows than images the images come again, under URLs that
// differ in their query: to sluice they are others.
func Rows(base string, images []string, n int) []Row {
	rows := make([]Row, n)
	noon := time.Date(2026, time.June, 21, 12, 0, 0, 0, time.UTC)
	for i := range rows {
		name := images[i%len(images)]
		u := base + (&url.URL{Path: "/" + name}).EscapedPath()
		if pass := i / len(images); pass > 0 {
			u += fmt.Sprintf("?pass=%d", pass+1)
		}
		rows[i] = Row{
			ID:      int64(i),
			Path:    u,
			Caption: strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)),
			Taken:   noon.Add(time.Duration(i) * 97 * time.Second),
		}
	}
	return rows
}

// rowGroup is the rows that a reader of these files holds at once.
const rowGroup = 1000

// Write spreads rows over so many files in folder, which must exist.
func Write(folder string, rows []Row, files int) error {
	for k := range files {
		part := rows[k*len(rows)/files : (k+1)*len(rows)/files]
		path := filepath.Join(folder, fmt.Sprintf("part-%05d.parquet", k))
		if err := write(path, part); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func write(path string, rows []Row) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := parquet.NewGenericWriter[Row](f, parquet.MaxRowsPerRowGroup(rowGroup), parquet.Compression(&parquet.Zstd))
	if _, err := w.Write(rows); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
