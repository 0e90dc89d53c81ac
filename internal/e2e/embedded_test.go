package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// A dataset as Hugging Face writes it is done without a request, and the rows
// whose images are elsewhere by one each.
func TestImagesInTheDataset(t *testing.T) {
	r := newRig(t)
	type row struct {
		Image struct {
			Bytes *[]byte `parquet:"bytes,optional,dict"`
			Path  *string `parquet:"path,optional"`
		} `parquet:"image,optional"`
		Label int64 `parquet:"label"`
	}
	rows := make([]row, 300)
	for i := range rows {
		image, path := photo(i), r.origin.URL+fine(i)
		im := &rows[i].Image
		rows[i].Label = int64(i)
		switch i % 30 {
		case 0:
		case 1:
			im.Path = &path
		case 2:
			image = []byte{}
			im.Bytes = &image
		case 3:
			image = image[:len(image)/2]
			im.Bytes, im.Path = &image, &path
		case 4:
			image = []byte("<!DOCTYPE html><html><body>gone</body></html>")
			im.Bytes, im.Path = &image, &path
		default:
			im.Bytes = &image
		}
	}
	in, out := filepath.Join(r.dir, "in"), filepath.Join(r.dir, "out")
	if err := os.MkdirAll(in, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(filepath.Join(in, "a.parquet"), rows, parquet.MaxRowsPerRowGroup(100)); err != nil {
		t.Fatal(err)
	}
	r.worker()
	res := r.run(in, out, "--column", "image", "--rows-per-partition", "100")
	if res.exit != 0 || res.Rows != 300 || res.OK != 260 || res.Skipped != 10 || res.Partitions != 3 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	for class, n := range map[string]int64{"empty": 10, "truncated": 10, "unsupported": 10} {
		if res.Errors[class] != n {
			t.Errorf("%d of class %s, want %d", res.Errors[class], class, n)
		}
	}
	if all, again := r.origin.requests(); all != 10 || again != 0 {
		t.Errorf("%d requests, %d of them again, for 10 rows without an image", all, again)
	}
	r.verify(out)
	if refused := r.run(in, filepath.Join(r.dir, "other"), "--column", "image", "--keep-columns", "label,image"); refused.exit != 2 {
		t.Errorf("keeping the images ends with exit status %d: %s", refused.exit, refused.stderr)
	}
}
