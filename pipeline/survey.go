package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Survey is the first step of a verification: what can be told from the dataset's
// and the manifests' footers, and what is left to look at.
type Survey struct {
	Report Report `json:"report"`
	// Chunks are numbered from 0.
	Chunks int `json:"chunks"`
}

// A chunk is what one activity verifies. There are a thousand at most, so that a
// workflow's history holds them, and they are large enough to be worth a call.
const (
	chunkRows      = 50_000
	chunkManifests = 256
	maxChunks      = 1000
)

// Survey holds the manifests' footers against the dataset's, and stores what
// VerifyChunk goes by.
func (o Output) Survey(ctx context.Context, req VerifyRequest, progress func(VerifyProgress)) (Survey, error) {
	s, err := o.survey(ctx, req, progress)
	return s, o.blame(err)
}

func (o Output) survey(ctx context.Context, req VerifyRequest, progress func(VerifyProgress)) (Survey, error) {
	v, err := o.newVerifier(ctx, req, progress)
	if err != nil {
		return Survey{}, err
	}
	s := &surveyor{verifier: v, byFile: map[string][]Partition{}}
	if err := s.manifests(ctx); err != nil {
		return Survey{}, err
	}
	if err := s.dataset(ctx); err != nil {
		return Survey{}, err
	}
	chunks, err := s.chunks(ctx)
	return Survey{v.report, chunks}, err
}

type surveyor struct {
	*verifier
	keys   []string // of the manifests
	rows   []int64  // of each
	byFile map[string][]Partition
}

// manifests reads the footers. One that cannot be read is found by its chunk.
func (s *surveyor) manifests(ctx context.Context) error {
	for obj, err := range s.o.Store.List(ctx, ManifestPrefix) {
		if err != nil {
			return err
		}
		s.keys = append(s.keys, obj.Key)
	}
	s.rows = make([]int64, len(s.keys))
	ps := make([]*Partition, len(s.keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, key := range s.keys {
		g.Go(func() error {
			m, err := s.o.Tables.Summary(ctx, s.o.Store, key)
			if unreadable(err) {
				return nil
			}
			s.rows[i], ps[i] = m.Partition.Rows, &m.Partition
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range ps {
		if p != nil {
			s.byFile[p.File] = append(s.byFile[p.File], *p)
		}
	}
	return nil
}

// unreadable is whether err is of a manifest that is damaged or gone, and not of
// a store that is down.
func unreadable(err error) bool {
	var fe *FileError
	return errors.As(err, &fe) || errors.Is(err, fs.ErrNotExist)
}

// dataset holds the manifests against the dataset's files.
func (s *surveyor) dataset(ctx context.Context) error {
	files := map[string]bool{}
	for file, err := range s.o.Dataset.List(ctx, "") {
		if err != nil {
			return err
		}
		if !isDataFile(file.Key) {
			continue
		}
		files[file.Key] = true
		s.report.Files++
		info, err := s.o.Tables.Inspect(ctx, s.o.Dataset, file)
		var fe *FileError
		if errors.As(err, &fe) {
			s.find(file.Key, "%s", fe.Problem)
			continue
		}
		if err != nil {
			return err
		}
		s.report.Rows += info.Rows
		s.tiles(file, info.Rows)
	}
	for _, file := range slices.Sorted(maps.Keys(s.byFile)) {
		if !files[file] {
			s.warn("%s is no longer in the dataset, and keeps its manifest", file)
		}
	}
	return nil
}

// tiles checks that the manifests of a file hold its rows, each once.
func (s *surveyor) tiles(file Object, rows int64) {
	ps := s.byFile[file.Key]
	slices.SortFunc(ps, func(a, b Partition) int { return cmp.Compare(a.First, b.First) })
	var next int64
	for _, p := range ps {
		switch {
		case p.Version != file.Version:
			s.find(file.Key, "%s is of another version of the file: run again", p.ManifestKey())
			continue
		case p.First > next:
			s.find(file.Key, "no manifest holds rows %d to %d", next, p.First-1)
		case p.First < next:
			s.find(file.Key, "rows %d to %d stand in %s and in another manifest", p.First, min(next, p.End())-1, p.ManifestKey())
		}
		next = max(next, p.End())
	}
	if next < rows {
		s.find(file.Key, "no manifest holds rows %d to %d", next, rows-1)
	}
	if next > rows {
		s.find(file.Key, "it has %d rows, and manifests hold rows up to %d", rows, next-1)
	}
}

// chunks stores which manifests each chunk has.
func (s *surveyor) chunks(ctx context.Context) (n int, err error) {
	var all int64
	for _, rows := range s.rows {
		all += rows
	}
	mostRows := max(chunkRows, all/maxChunks*2)
	mostManifests := max(chunkManifests, len(s.keys)/maxChunks*2)
	var chunk []string
	var rows int64
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := writeJSON(ctx, s.o.Store, s.req.chunkKey(n), chunk, WriteOptions{})
		n, chunk, rows = n+1, nil, 0
		return err
	}
	for i, key := range s.keys {
		chunk, rows = append(chunk, key), rows+s.rows[i]
		if rows >= mostRows || len(chunk) == mostManifests {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, errors.Join(flush(), err)
}

func (req VerifyRequest) chunkKey(i int) string { return fmt.Sprintf("%schunk-%05d.json", req.Run, i) }
