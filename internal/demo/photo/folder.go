package photo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Make makes those of the photographs that folder does not hold yet, on all
// CPUs, and calls progress after each, one call at a time. Interrupted, it goes
// on where it was: a file is there whole or not at all.
func Make(ctx context.Context, folder string, photos []Photo, progress func(made, missing int)) error {
	missing, err := absent(folder, photos)
	if err != nil || len(missing) == 0 {
		return err
	}
	scenery := theScenery()
	var mu sync.Mutex
	made := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range missing {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			body, err := p.encode(scenery)
			if err != nil {
				return err
			}
			if err := writeWhole(filepath.Join(folder, p.Name()), body); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			made++
			progress(made, len(missing))
			return nil
		})
	}
	return g.Wait()
}

// absent are the photographs that folder, which is made if need be, lacks.
func absent(folder string, photos []Photo) ([]Photo, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	var missing []Photo
	for _, p := range photos {
		_, err := os.Stat(filepath.Join(folder, p.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, p)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// writeWhole lets path appear whole. Two programs that make the same photograph
// at once write the same bytes, so it does not matter whose stay.
func writeWhole(path string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(body)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
