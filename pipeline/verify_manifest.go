package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// VerifyChunk is a step of a verification: it looks at every row of one chunk's
// manifests, and at the objects that they name.
func (o Output) VerifyChunk(ctx context.Context, looker Looker, req VerifyRequest, chunk int, progress func(VerifyProgress)) (Report, error) {
	v, err := o.newVerifier(ctx, req, progress)
	if err != nil {
		return Report{}, err
	}
	v.looker = looker
	keys, err := readJSON[[]string](ctx, o.Store, req.chunkKey(chunk))
	if err != nil {
		return Report{}, err
	}
	for _, key := range keys {
		if err := v.manifest(ctx, key); err != nil {
			return Report{}, err
		}
	}
	if req.Repair && !v.repairs.empty() {
		err = writeJSON(ctx, o.Store, req.repairsKey(chunk), v.repairs, WriteOptions{})
	}
	return v.report, err
}

// told is how many rows are verified between two words of progress.
const told = 1000

// manifest checks one manifest by itself: its rows, and the objects they name.
func (v *verifier) manifest(ctx context.Context, key string) error {
	s, err := v.o.Tables.Summary(ctx, v.o.Store, key)
	if err != nil {
		return v.unreadable(key, err)
	}
	p := s.Partition
	if p.ManifestKey() != key {
		v.findManifest(key, "it says that it is the manifest of %s", p.Name)
		return nil
	}
	v.report.Partitions++
	objects, err := v.objects(ctx, p)
	if err != nil {
		return err
	}
	named := 0
	next := p.First
	var counts Counts
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for row, err := range v.o.Tables.Scan(ctx, v.o.Store, key) {
		if err != nil {
			return errors.Join(v.unreadable(key, err), g.Wait())
		}
		if row.Row != next {
			v.findManifest(key, "row %d of %s stands where row %d belongs", row.Row, p.File, next)
		}
		next = row.Row + 1
		counts.Add(row)
		if counts.Rows()%told == 0 {
			v.progress(VerifyProgress{Partitions: v.report.Partitions, Rows: v.report.Counts.Rows() + counts.Rows()})
		}
		if problem := v.outcome(p, row); problem != "" {
			v.findRow(p, row.Row, "%s", problem)
			continue
		}
		if row.Status != OK {
			continue
		}
		v.report.Objects++
		v.report.Bytes += row.Bytes
		size, listed := objects[row.Key]
		if listed {
			named++
		}
		g.Go(func() error {
			problem, err := v.object(gctx, row, size, listed)
			if problem != "" {
				v.findRow(p, row.Row, "%s", problem)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if next != p.End() {
		v.findManifest(key, "its rows end before row %d, and it should hold %d to %d", next, p.First, p.End()-1)
	}
	if counts.Rows() != s.Counts.Rows() || counts.OK != s.Counts.OK || counts.Failed != s.Counts.Failed || !maps.Equal(counts.Errors, s.Counts.Errors) {
		v.findManifest(key, "its footer counts %d ok, %d failed, %d skipped, and its rows are %d, %d, %d",
			s.Counts.OK, s.Counts.Failed, s.Counts.Skipped, counts.OK, counts.Failed, counts.Skipped)
	}
	if stray := len(objects) - named; stray > 0 {
		v.warn("%d objects under %s are named by no manifest", stray, imagesOf(p))
	}
	v.report.Counts = v.report.Counts.Plus(counts)
	v.progress(VerifyProgress{Partitions: v.report.Partitions, Rows: v.report.Counts.Rows()})
	return nil
}

// unreadable makes a finding of a manifest that is damaged; a store that is
// down is an error as ever.
func (v *verifier) unreadable(key string, err error) error {
	if unreadable(err) {
		v.findManifest(key, "the manifest cannot be read: %v", err)
		return nil
	}
	return err
}

func imagesOf(p Partition) string { return ImagePrefix + p.Name + "/" }

// objects are the sizes of the images at the partition's default place. A
// listing costs a thousandth of asking for each.
func (v *verifier) objects(ctx context.Context, p Partition) (map[string]int64, error) {
	sizes := map[string]int64{}
	for obj, err := range v.o.Store.List(ctx, imagesOf(p)) {
		if err != nil {
			return nil, err
		}
		sizes[obj.Key] = obj.Size
	}
	return sizes, nil
}

// outcome is what is wrong with a manifest's row by itself.
func (v *verifier) outcome(p Partition, o Outcome) (problem string) {
	if o.Source == nil && o.Status != Skipped && !p.Embedded {
		return fmt.Sprintf("it is %s, and its source is null", o.Status)
	}
	switch o.Status {
	case OK:
		switch {
		case (o.Class != "" || o.Message != "") && !v.accepted(o):
			return "it is ok and has an error"
		case o.Key == "" || len(o.SHA256) != sha256.Size*2 || o.Width < 1 || o.Height < 1 || o.Bytes < 1:
			return "it is ok, and key, sha256, width, height or bytes are missing"
		}
		if key := v.keys.Key(p.Name, o.Row, o.SHA256[:16], Format(o.Format)); key != o.Key {
			return fmt.Sprintf("its key is %s, and row, sha256 and format make %s", o.Key, key)
		}
	case Failed:
		if !slices.Contains(Classes, o.Class) || o.Message == "" {
			return fmt.Sprintf("it failed, and class %q is none of the list or the message is missing", o.Class)
		}
	case Skipped:
		if o.Source != nil {
			return "it is skipped, and its source is not null"
		}
	default:
		return fmt.Sprintf("its status is %q", o.Status)
	}
	return ""
}

// accepted is whether an ok row says that its source was damaged, and may.
func (v *verifier) accepted(o Outcome) bool {
	return v.acceptTruncated && o.Message != "" && (o.Class == Truncated || o.Class == Corrupt)
}

// object checks the object that a row names.
func (v *verifier) object(ctx context.Context, o Outcome, size int64, listed bool) (problem string, err error) {
	if !listed {
		obj, err := v.o.Store.Stat(ctx, o.Key)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("%s does not exist", o.Key), nil
		}
		if err != nil {
			return "", err
		}
		size = obj.Size
	}
	if size != o.Bytes {
		return fmt.Sprintf("%s is %d bytes, and the manifest says %d", o.Key, size, o.Bytes), nil
	}
	if v.req.Deep {
		return v.image(ctx, o)
	}
	return "", nil
}

// image holds the object's bytes against its hash, and its pixels against what
// the row says of them.
func (v *verifier) image(ctx context.Context, o Outcome) (problem string, err error) {
	sum := ""
	h, err := v.looker.Look(ctx, o.Bytes, func(ctx context.Context) ([]byte, error) {
		body, err := v.o.Store.Read(ctx, o.Key)
		if err == nil {
			digest := sha256.Sum256(body)
			sum = hex.EncodeToString(digest[:])
		}
		return body, err
	})
	broken, isBroken := AsRowError(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s does not exist", o.Key), nil
	case err != nil && !isBroken:
		return "", err
	case sum != "" && sum != o.SHA256:
		return fmt.Sprintf("%s has another sha256 than the manifest says", o.Key), nil
	case isBroken && broken.Class == OverBudget:
		v.finding.Lock()
		defer v.finding.Unlock()
		v.warn("%s was not decoded: %s", o.Key, broken.Message)
		return "", nil
	case isBroken:
		return fmt.Sprintf("%s does not decode: %s", o.Key, broken.Message), nil
	case h.Width != o.Width || h.Height != o.Height || h.Format != o.Format:
		return fmt.Sprintf("%s is %s of %dx%d, and the manifest says %s of %dx%d", o.Key, h.Format, h.Width, h.Height, o.Format, o.Width, o.Height), nil
	}
	return "", nil
}
