package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/internal/demo/photo"
)

// madeImages is how many photographs are made, and the rows of a demo that says
// nothing else.
const madeImages = 1000

// gatherImages finds the images, or makes them where that was not done before.
func (d *demo) gatherImages(ctx context.Context) (err error) {
	if d.images == "" {
		d.images = filepath.Join(d.folder, "images")
		d.made = true
		d.sources, err = makeImages(ctx, d.images)
	} else {
		d.sources, err = imagesIn(d.images)
	}
	if err != nil {
		return err
	}
	if d.rows == 0 {
		d.rows = len(d.sources)
	}
	say("images", "%s in %s", count(min(d.rows, len(d.sources))), d.images)
	return nil
}

// makeImages makes the photographs that folder lacks, and lists their names.
func makeImages(ctx context.Context, folder string) (names []string, err error) {
	photos := photo.Series(madeImages)
	begun := time.Now()
	err = photo.Make(ctx, folder, photos, func(made, missing int) {
		switch {
		case made == 1:
			say("images", "making %s photographs, once: they are kept", count(missing))
		case made == missing:
			say("", "made in %.0f s", time.Since(begun).Seconds())
		case made%200 == 0:
			say("", "%s made", count(made))
		}
	})
	for _, p := range photos {
		names = append(names, p.Name())
	}
	return names, err
}

// imagesIn lists the images in folder and below, as slash-separated names.
func imagesIn(folder string) ([]string, error) {
	var names []string
	files := os.DirFS(folder)
	err := fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".jpg", ".jpeg", ".png", ".webp":
			// The packages of wallpapers are full of links.
			if info, err := fs.Stat(files, name); err == nil && info.Mode().IsRegular() {
				names = append(names, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("--images: %w", err)}
	}
	if len(names) == 0 {
		return nil, usageError{fmt.Errorf("--images: no jpg, png or webp file in %s", folder)}
	}
	slices.Sort(names)
	return names, nil
}
