package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// Verify holds an output against its dataset: that the manifests hold each row
// of each file exactly once (complete), that each object that they name is
// there with the size that they say (whole), and that each failure has a class
// and a message (reconciled). Deep, it reads every object and recomputes its
// hash.
func (o Output) Verify(ctx context.Context, opts *VerifyOptions, progress func(VerifyProgress)) (Report, error) {
	v := &verifier{o: o, byFile: map[string][]Partition{}, progress: progress}
	if opts != nil {
		v.opts = *opts
	}
	v.opts.Most = cmp.Or(v.opts.Most, 1000)
	v.report.Deep = v.opts.Deep
	spec, err := readJSON[Spec](ctx, o.Store, specKey)
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, Usagef("no run has written to %s", o.Store.URL())
	}
	if err != nil {
		return Report{}, err
	}
	if v.keys, err = ParseKeyTemplate(spec.Key); err != nil {
		return Report{}, err
	}
	v.acceptTruncated = spec.Target.AcceptTruncated
	for obj, err := range o.Store.List(ctx, ManifestPrefix) {
		if err != nil {
			return Report{}, err
		}
		if err := v.manifest(ctx, obj.Key); err != nil {
			return Report{}, err
		}
		progress(VerifyProgress{Partitions: v.report.Partitions, Rows: v.report.Counts.Rows()})
	}
	return v.report, v.dataset(ctx)
}

type verifier struct {
	o        Output
	opts     VerifyOptions
	keys     KeyTemplate
	progress func(VerifyProgress)
	// acceptTruncated is the spec's: ok rows may say that they are damaged.
	acceptTruncated bool
	byFile          map[string][]Partition // the manifests' partitions

	finding sync.Mutex // find is called by the checks of many objects at once
	report  Report
}

func (v *verifier) find(where, format string, args ...any) {
	v.finding.Lock()
	defer v.finding.Unlock()
	v.report.Found++
	if len(v.report.Findings) < v.opts.Most {
		v.report.Findings = append(v.report.Findings, Finding{where, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) warn(format string, args ...any) {
	v.report.Warnings = append(v.report.Warnings, fmt.Sprintf(format, args...))
}

// dataset holds the manifests against the dataset's files.
func (v *verifier) dataset(ctx context.Context) error {
	files := map[string]bool{}
	for file, err := range v.o.Dataset.List(ctx, "") {
		if err != nil {
			return err
		}
		if !isDataFile(file.Key) {
			continue
		}
		files[file.Key] = true
		v.report.Files++
		info, err := v.o.Tables.Inspect(ctx, v.o.Dataset, file)
		var fe *FileError
		if errors.As(err, &fe) {
			v.find(file.Key, "%s", fe.Problem)
			continue
		}
		if err != nil {
			return err
		}
		v.report.Rows += info.Rows
		v.tiles(file, info.Rows)
	}
	for _, file := range slices.Sorted(maps.Keys(v.byFile)) {
		if !files[file] {
			v.warn("%s is no longer in the dataset, and keeps its manifest", file)
		}
	}
	return nil
}

// tiles checks that the manifests of a file hold its rows, each once.
func (v *verifier) tiles(file Object, rows int64) {
	ps := v.byFile[file.Key]
	slices.SortFunc(ps, func(a, b Partition) int { return cmp.Compare(a.First, b.First) })
	var next int64
	for _, p := range ps {
		switch {
		case p.Version != file.Version:
			v.find(file.Key, "%s is of another version of the file: run again", p.ManifestKey())
			continue
		case p.First > next:
			v.find(file.Key, "no manifest holds rows %d to %d", next, p.First-1)
		case p.First < next:
			v.find(file.Key, "rows %d to %d stand in %s and in another manifest", p.First, min(next, p.End())-1, p.ManifestKey())
		}
		next = max(next, p.End())
	}
	if next < rows {
		v.find(file.Key, "no manifest holds rows %d to %d", next, rows-1)
	}
	if next > rows {
		v.find(file.Key, "it has %d rows, and manifests hold rows up to %d", rows, next-1)
	}
}
