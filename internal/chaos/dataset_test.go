package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// The rows of the dataset's files. A row group is half of the smaller cut.
const (
	fileRows  = 1200
	noteRows  = 800
	groupRows = 200
)

// cuts are the runs' --rows-per-partition.
var cuts = [...]int{400, 600}

// dataset is a folder of Parquet files, as it is and as it was.
type dataset struct {
	folder string
	origin string // URL

	mu    sync.Mutex
	files map[string]*version // current
	all   map[string]*version // all that there ever were, by the id in the names of their partitions
}

// version is one version of a file.
type version struct {
	file    string
	id      string
	sources []string // paths at the origin; "" is null
	since   time.Time
	until   time.Time // zero while it is the current one
}

func newDataset(t *testing.T, folder, origin string) *dataset {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return &dataset{folder: folder, origin: origin, files: map[string]*version{}, all: map[string]*version{}}
}

// nulls is one row in so many.
const nulls = 50

// put adds a file, or replaces it. Each version lists sources of its own. Files
// whose names begin with "notes" carry a long column, so that their manifests
// come to the store in several parts.
func (d *dataset) put(file string) (*version, error) {
	type row struct {
		Path *string `parquet:"path,optional"`
		ID   int64   `parquet:"id"`
		Note string  `parquet:"note"`
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	notes := strings.HasPrefix(file, "notes")
	n := fileRows
	if notes {
		n = noteRows
	}
	v := &version{file: file, sources: make([]string, n)}
	rows := make([]row, n)
	noise := rand.New(rand.NewPCG(uint64(len(d.all)), 1))
	for i := range rows {
		rows[i].ID = int64(i)
		if notes {
			var b strings.Builder
			for b.Len() < 14_000 {
				fmt.Fprintf(&b, "%016x", noise.Uint64())
			}
			rows[i].Note = b.String()
		}
		path := fmt.Sprintf("/%s/%s/%d/%d.jpg", filepath.Base(d.folder), file, len(d.all), i)
		if digest("null "+path)%nulls == 0 {
			continue
		}
		v.sources[i] = path
		url := d.origin + path
		rows[i].Path = &url
	}
	// A name with a dot in front is passed over.
	unfinished := filepath.Join(d.folder, "."+file)
	if err := parquet.WriteFile(unfinished, rows, parquet.MaxRowsPerRowGroup(groupRows)); err != nil {
		return nil, err
	}
	info, err := os.Stat(unfinished)
	if err != nil {
		return nil, err
	}
	v.since = time.Now()
	v.id = pipeline.FileID(file, fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size()))
	if err := os.Rename(unfinished, filepath.Join(d.folder, file)); err != nil {
		return nil, err
	}
	if old := d.files[file]; old != nil {
		old.until = v.since
	}
	d.files[file], d.all[v.id] = v, v
	return v, nil
}

// current are the files as they are.
func (d *dataset) current() map[string]*version {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.files)
}

// of is the version that a partition is of, nil if there was none such.
func (d *dataset) of(fileID string) *version {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[fileID]
}

// isCurrent is whether v still is the version of its file.
func (d *dataset) isCurrent(v *version) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return v.until.IsZero()
}

// expected is what a run over the current files has to come to.
func (d *dataset) expected() (rows, ok, failed, skipped int64) {
	for _, v := range d.current() {
		for _, source := range v.sources {
			rows++
			switch {
			case source == "":
				skipped++
			case FateOf(source).Class() != "":
				failed++
			default:
				ok++
			}
		}
	}
	return rows, ok, failed, skipped
}

// versions is how many there were by now: it tells whether something changed.
func (d *dataset) versions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}
