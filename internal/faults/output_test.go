package faults

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"sluice/pipeline"
	"sluice/pipeline/storing"
	"sluice/pipeline/tables"
)

// output is a case's, as a reader who belongs to nobody sees it.
type output struct {
	t      *testing.T
	store  *storing.Store
	folder string // of a file:// output
	bucket string // of an s3:// output
}

func openOutput(t *testing.T, url string) output {
	t.Helper()
	s, err := storing.Open(t.Context(), url, &storing.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return output{t: t, store: s}
}

// objects are the keys that begin with prefix.
func (o output) objects(prefix string) (keys []string) {
	o.t.Helper()
	for obj, err := range o.store.List(o.t.Context(), prefix) {
		if err != nil {
			o.t.Fatal(err)
		}
		keys = append(keys, obj.Key)
	}
	return keys
}

// named are the hashes of the manifests, and of what they name.
func (o output) named() map[string][sha256.Size]byte {
	o.t.Helper()
	hashes := map[string][sha256.Size]byte{}
	hash := func(key string) {
		body, err := o.store.Read(o.t.Context(), key)
		if err != nil {
			o.t.Fatal(err)
		}
		hashes[key] = sha256.Sum256(body)
	}
	for _, key := range o.objects(pipeline.ManifestPrefix) {
		hash(key)
		for row, err := range tables.New().Scan(o.t.Context(), o.store, key) {
			if err != nil {
				o.t.Fatal(err)
			}
			if row.Status == pipeline.OK {
				hash(row.Key)
			}
		}
	}
	return hashes
}

// durable are the sources, by path, of the rows that are done for good: those of
// published manifests, and of the checkpoints that lie beside the output.
func (o output) durable(scene string) map[string]bool {
	o.t.Helper()
	done := map[string]bool{}
	for file := range files {
		remaining := o.remaining(fileName(file))
		for row := range rowsPerFile {
			done[path(scene, file, row)] = true
		}
		for _, run := range remaining {
			for row := run.First; row < run.End(); row++ {
				delete(done, path(scene, file, int(row)))
			}
		}
	}
	delete(done, "") // nulls are not fetched
	return done
}

// remaining are the rows of a file that are to be done yet.
func (o output) remaining(file string) pipeline.Runs {
	o.t.Helper()
	stem := strings.TrimSuffix(file, ".parquet") + "-"
	if len(o.objects(pipeline.ManifestPrefix+stem)) > 0 {
		return nil
	}
	p := pipeline.Partition{File: file, Rows: rowsPerFile}
	for _, key := range o.objects("_partitions/" + stem) {
		if !strings.HasSuffix(key, "/checkpoint.json") {
			continue
		}
		body, err := o.store.Read(o.t.Context(), key)
		if errors.Is(err, fs.ErrNotExist) {
			continue // published meanwhile
		}
		if err != nil {
			o.t.Fatal(err)
		}
		c, err := pipeline.DecodeCheckpoint(body, p)
		if err != nil {
			o.t.Fatal(err)
		}
		return c.Remaining(p)
	}
	return pipeline.Begin(p).Remaining(p)
}

// temporary are the files of a folder that are no objects, and the uploads to a
// bucket that are open: what an attempt that lives is to leave none of.
func (o output) temporary(r *rig) (left []string) {
	o.t.Helper()
	if o.bucket != "" {
		return r.s3.Uploads(o.t, o.bucket)
	}
	objects := map[string]bool{}
	for _, key := range o.objects("") {
		objects[key] = true
	}
	err := filepath.WalkDir(o.folder, func(path string, d fs.DirEntry, err error) error {
		if key, _ := filepath.Rel(o.folder, path); err == nil && !d.IsDir() && !objects[filepath.ToSlash(key)] {
			left = append(left, key)
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return left
}

// unchanged fails unless what manifests named before is what they name now.
func (o output) unchanged(before map[string][sha256.Size]byte) {
	o.t.Helper()
	if now := o.named(); !maps.Equal(before, now) {
		o.t.Errorf("%d objects were named before the zombie went on, %d after, or their bytes differ", len(before), len(now))
	}
}
