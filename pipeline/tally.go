package pipeline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ledgerKey is a cache of the manifests' footers, so that a file that is done
// costs the next run two listings and no read. What it lacks, or holds of
// another version, is read from the manifests, which are the truth.
const ledgerKey = RunPrefix + "ledger.jsonl.gz"

// entry is a published manifest.
type entry struct {
	Manifest  string    `json:"manifest"` // version of the manifest
	Partition Partition `json:"partition"`
	Counts    Counts    `json:"counts"`
	Redo      string    `json:"redo,omitempty"` // see ManifestSummary
}

// manifests are the published manifests of an output, by partition name.
type manifests map[string]entry

// tally lists what is published, but for the keys of except, and reads the
// footers that the ledger lacks.
func (o Output) tally(ctx context.Context, except []string) (manifests, error) {
	known, err := o.readLedger(ctx)
	if err != nil {
		return nil, err
	}
	found := manifests{}
	var unknown []Object
	for obj, err := range o.Store.List(ctx, ManifestPrefix) {
		if err != nil {
			return nil, err
		}
		name, ok := partitionOfManifest(obj.Key)
		if !ok || slices.Contains(except, obj.Key) {
			continue
		}
		if e, ok := known[name]; ok && e.Manifest == obj.Version {
			found[name] = e
		} else {
			unknown = append(unknown, obj)
		}
	}
	entries := make([]entry, len(unknown))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, obj := range unknown {
		g.Go(func() error {
			s, err := o.Tables.Summary(ctx, o.Store, obj.Key)
			if err != nil {
				return err
			}
			entries[i] = entry{obj.Version, s.Partition, s.Counts, s.Redo}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, obj := range unknown {
		name, _ := partitionOfManifest(obj.Key)
		found[name] = entries[i]
	}
	return found, nil
}

func partitionOfManifest(key string) (name string, ok bool) {
	name, ok = strings.CutSuffix(strings.TrimPrefix(key, ManifestPrefix), ".parquet")
	return name, ok && !strings.Contains(name, "/")
}

// totals sums them up.
func (ms manifests) totals() Totals {
	t := Totals{Partitions: len(ms)}
	for _, e := range ms {
		t.Counts = t.Counts.Plus(e.Counts)
	}
	return t
}

// byFile groups the partitions' names by the file and version that they are of.
func (ms manifests) byFile() map[string][]string {
	files := map[string][]string{}
	for name := range ms {
		if id, _, _, ok := SplitPartitionName(name); ok {
			files[id] = append(files[id], name)
		}
	}
	return files
}

func (o Output) writeLedger(ctx context.Context, ms manifests) error {
	return o.Store.Stream(ctx, ledgerKey, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		enc := json.NewEncoder(z)
		for _, name := range slices.Sorted(maps.Keys(ms)) {
			if err := enc.Encode(ms[name]); err != nil {
				return err
			}
		}
		return z.Close()
	}, nil)
}

// readLedger reads the ledger. One that is missing or damaged is empty: it is
// only a cache.
func (o Output) readLedger(ctx context.Context) (manifests, error) {
	data, err := o.Store.Read(ctx, ledgerKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, nil //nolint:nilerr // a cache that is damaged is none
	}
	ms := manifests{}
	dec := json.NewDecoder(bufio.NewReader(z))
	for {
		var e entry
		switch err := dec.Decode(&e); {
		case err == io.EOF:
			return ms, nil
		case err != nil:
			return nil, nil //nolint:nilerr // a cache that is damaged is none
		}
		ms[e.Partition.Name] = e
	}
}
