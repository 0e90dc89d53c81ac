package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/pipeline"
)

// reader holds the outputs against what is promised, all the time. It looks into
// the folder behind the store, so that it can see while the store is down.
type reader struct {
	*world
	mu      sync.Mutex
	outputs []*watched
	passes  int
	passed  *sync.Cond
	stopped bool

	kept kept
}

// watched is what the reader has seen of an output.
type watched struct {
	*output
	folder    string
	manifests map[string]*manifest // by partition
}

// manifest is one as it was first seen.
type manifest struct {
	stamp   stamp
	version *version
	cut     int
	rows    []entry
	objects []stamp // of the rows that are ok
}

// entry is a row of a manifest.
type entry struct {
	File   string  `parquet:"file"`
	Row    int64   `parquet:"row"`
	Source *string `parquet:"source,optional"`
	Status string  `parquet:"status"`
	Class  *string `parquet:"error_class,optional"`
	Error  *string `parquet:"error,optional"`
	Key    *string `parquet:"key,optional"`
	SHA256 *string `parquet:"sha256,optional"`
	Bytes  *int64  `parquet:"bytes,optional"`
}

// stamp tells whether a file was written again.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

func newReader(w *world) *reader {
	r := &reader{world: w, kept: newKept()}
	r.passed = sync.NewCond(&r.mu)
	return r
}

// watch adds an output.
func (r *reader) watch(o *output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outputs = append(r.outputs, &watched{output: o, folder: r.folderOf(o.name), manifests: map[string]*manifest{}})
}

// run looks again and again until ctx ends.
func (r *reader) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		r.mu.Lock()
		outputs := slices.Clone(r.outputs)
		r.mu.Unlock()
		for _, o := range outputs {
			r.look(o)
		}
		r.mu.Lock()
		r.passes++
		r.passed.Broadcast()
		r.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.passed.Broadcast()
}

// settle waits until the reader has seen all that is there now.
func (r *reader) settle(context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for want := r.passes + 2; r.passes < want && !r.stopped; {
		r.passed.Wait()
	}
}

// sure returns a complaint only if it is made again and again: what is read in
// several steps may have changed between two of them, and the store takes an
// object that is written again away for an instant.
func sure(complaint func() string) (why string) {
	for range 5 {
		if why = complaint(); why == "" {
			return ""
		}
		<-time.After(50 * time.Millisecond)
	}
	return why
}

// look looks at an output once.
func (r *reader) look(o *watched) {
	names, err := manifests(o.folder)
	if err != nil {
		r.accuse("listing the manifests of %s: %v", o.name, err)
		return
	}
	for _, name := range names {
		if why := sure(func() string { return o.manifest(name) }); why != "" {
			r.accuse("%s: manifest of %s: %s", o.name, name, why)
		}
	}
	for name := range o.manifests {
		if why := sure(func() string { return o.vanished(name) }); why != "" {
			r.accuse("%s: manifest of %s: %s", o.name, name, why)
		}
	}
	r.kept.look(o)
	if why := sure(o.success); why != "" {
		r.accuse("%s: _SUCCESS: %s", o.name, why)
	}
}

// manifests are the partitions that have one.
func manifests(folder string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(folder, "manifest"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".parquet"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

func (o *watched) path(name string) string {
	return filepath.Join(o.folder, "manifest", name+".parquet")
}

// manifest says what is wrong with a manifest, or with an object that it names.
func (o *watched) manifest(name string) string {
	now, err := stampOf(o.path(name))
	if err != nil {
		return "" // vanished looks into that
	}
	m := o.manifests[name]
	if m == nil || m.stamp != now {
		next, why := o.load(name)
		if why != "" {
			return why
		}
		if m != nil {
			if why := difference(m.rows, next.rows); why != "" {
				return "it has changed: " + why
			}
		}
		next.stamp, m = now, next
		o.manifests[name] = m
	}
	for i, e := range m.rows {
		if e.Status != "ok" {
			continue
		}
		path := filepath.Join(o.folder, filepath.FromSlash(*e.Key))
		is, err := stampOf(path)
		if err != nil {
			return fmt.Sprintf("row %d: %v", e.Row, err)
		}
		if is == m.objects[i] {
			continue
		}
		if why := object(path, e, m.version.sources[e.Row]); why != "" {
			return fmt.Sprintf("row %d: %s", e.Row, why)
		}
		m.objects[i] = is
	}
	return ""
}

// load reads a manifest and checks its rows.
func (o *watched) load(name string) (m *manifest, why string) {
	id, k, n, ok := pipeline.SplitPartitionName(name)
	v := o.dataset.of(id)
	if !ok || v == nil {
		return nil, "it is of no file that there ever was"
	}
	rows, err := parquet.ReadFile[entry](o.path(name))
	if err != nil {
		return nil, err.Error()
	}
	if len(rows) == 0 {
		return nil, "it is empty"
	}
	for i, e := range rows {
		if why := row(v, e); why != "" {
			return nil, fmt.Sprintf("row %d: %s", e.Row, why)
		}
		if e.Row != rows[0].Row+int64(i) {
			return nil, fmt.Sprintf("row %d stands where row %d belongs", e.Row, rows[0].Row+int64(i))
		}
	}
	first, end := rows[0].Row, rows[0].Row+int64(len(rows))
	if (k == 0) != (first == 0) || (k == n-1) != (end == int64(len(v.sources))) {
		return nil, fmt.Sprintf("it holds rows %d to %d of %d", first, end-1, len(v.sources))
	}
	return &manifest{version: v, cut: n, rows: rows, objects: make([]stamp, len(rows))}, ""
}

// row holds one row against what the origin does with its source.
func row(v *version, e entry) string {
	if e.File != v.file || e.Row < 0 || e.Row >= int64(len(v.sources)) {
		return fmt.Sprintf("%s has no such row", v.file)
	}
	source := v.sources[e.Row]
	switch {
	case source == "":
		if e.Status != "skipped" {
			return "its source is null, and it is " + e.Status
		}
		return ""
	case e.Source == nil || !strings.HasSuffix(*e.Source, source):
		return "it has another source"
	}
	want, class := "ok", FateOf(source).Class()
	if class != "" {
		want = "failed"
	}
	is := ""
	if e.Class != nil {
		is = *e.Class
	}
	if e.Status != want || is != string(class) {
		said := ""
		if e.Error != nil {
			said = *e.Error
		}
		return fmt.Sprintf("it is %s (%s: %s) and not %s (%s), which is what the origin makes of %s", e.Status, is, said, want, class, source)
	}
	if want == "ok" && (e.Key == nil || e.SHA256 == nil || e.Bytes == nil) {
		return "it is ok, and key, sha256 or bytes are missing"
	}
	return ""
}

// object holds the object of a row that is ok against what the row says, and
// against the image at its source.
func object(path string, e entry, source string) string {
	body, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if int64(len(body)) != *e.Bytes {
		return fmt.Sprintf("%s has %d bytes, not %d", *e.Key, len(body), *e.Bytes)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != *e.SHA256 {
		return *e.Key + " has another sha256"
	}
	m, err := jpeg.Decode(bytes.NewReader(body))
	if err != nil {
		return fmt.Sprintf("%s: %v", *e.Key, err)
	}
	const tolerance = 12
	want := Colour(source)
	r, g, b, _ := m.At(m.Bounds().Dx()/2, m.Bounds().Dy()/2).RGBA()
	for _, c := range [][2]int{{int(r >> 8), int(want.R)}, {int(g >> 8), int(want.G)}, {int(b >> 8), int(want.B)}} {
		if d := c[0] - c[1]; d > tolerance || d < -tolerance {
			return fmt.Sprintf("%s is another image", *e.Key)
		}
	}
	return ""
}

// difference is what two readings of a manifest differ in.
func difference(was, is []entry) string {
	if len(was) != len(is) {
		return fmt.Sprintf("%d rows are %d now", len(was), len(is))
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for i, a := range was {
		b := is[i]
		if a.Row != b.Row || a.Status != b.Status || text(a.Class) != text(b.Class) || text(a.Key) != text(b.Key) || text(a.SHA256) != text(b.SHA256) {
			return fmt.Sprintf("row %d was %s %s%s and is %s %s%s", a.Row, a.Status, text(a.Key), text(a.Class), b.Status, text(b.Key), text(b.Class))
		}
	}
	return ""
}

// vanished says whether a manifest is gone that must not be: one of a file that
// was replaced may, and one of a cut beside which another one is complete.
func (o *watched) vanished(name string) string {
	if _, err := os.Stat(o.path(name)); err == nil {
		return ""
	}
	m := o.manifests[name]
	if o.dataset.isCurrent(m.version) {
		present, err := manifests(o.folder)
		if err != nil {
			return err.Error()
		}
		if !complete(m.version, present) {
			return "it has vanished"
		}
	}
	delete(o.manifests, name)
	return ""
}

// complete is whether the partitions make up one cut of a version.
func complete(v *version, present []string) bool {
	found := map[int]int{}
	for _, name := range present {
		if id, _, n, ok := pipeline.SplitPartitionName(name); ok && id == v.id {
			if found[n]++; found[n] == n {
				return true
			}
		}
	}
	return false
}

// recut is how many rows the next run does anew because it cuts otherwise: those
// of files of which not every partition is published.
func (r *reader) recut(o *output, was, is int) (rows int) {
	present, err := manifests(r.folderOf(o.name))
	if err != nil {
		return 0
	}
	for _, v := range o.dataset.current() {
		n := len(v.sources)
		if ranges(n, was) != ranges(n, is) && !complete(v, present) {
			rows += n
			r.kept.forget(v, ranges(n, is))
		}
	}
	return rows
}

// ranges is into how many partitions rows are cut.
func ranges(rows, cut int) int { return (rows + cut - 1) / cut }

// success says what is missing though _SUCCESS is there.
func (o *watched) success() string {
	path := filepath.Join(o.folder, "_SUCCESS")
	before, err := stampOf(path)
	if err != nil {
		return ""
	}
	run, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	current := o.dataset.current()
	present, err := manifests(o.folder)
	if err != nil {
		return err.Error()
	}
	why := o.claims(strings.TrimSpace(string(run)), before, current, present)
	after, err := stampOf(path)
	if err != nil || after != before {
		return ""
	}
	return why
}

// claims holds the outcome of a run that says it succeeded against the files that
// it must have seen.
func (o *watched) claims(run string, written stamp, current map[string]*version, present []string) string {
	begun, err := begunAt(run)
	if err != nil {
		return err.Error()
	}
	for _, name := range present {
		if is, err := stampOf(o.path(name)); err == nil && is.modified.After(written.modified) {
			return fmt.Sprintf("it is of %s, and the manifest of %s is newer", run, name)
		}
	}
	for _, v := range current {
		if !v.since.Before(begun) || !o.dataset.isCurrent(v) {
			continue
		}
		held := make([]int, len(v.sources))
		for _, name := range present {
			id, _, _, _ := pipeline.SplitPartitionName(name)
			is := o.dataset.of(id)
			switch m := o.manifests[name]; {
			case is != nil && is != v && is.file == v.file:
				return fmt.Sprintf("%s was replaced, and its manifest %s is still there", v.file, name)
			case is == v && m == nil:
				return "" // just published, and not yet read
			case is == v:
				for _, e := range m.rows {
					held[e.Row]++
				}
			}
		}
		for i, n := range held {
			if n != 1 {
				return fmt.Sprintf("%s row %d stands in %d manifests", v.file, i, n)
			}
		}
	}
	return ""
}

// begunAt is when a run was begun, by its key.
func begunAt(run string) (time.Time, error) {
	word, _, _ := strings.Cut(strings.TrimPrefix(run, pipeline.RunPrefix), "-")
	return time.Parse("20060102T150405Z", word)
}
