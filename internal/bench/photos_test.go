package bench

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sluice/internal/demo/photo"
)

// root is the repository's, where `make` puts the programs and the demo its
// photographs.
var root = filepath.Join("..", "..")

// folder holds the photographs, the same as the demo's.
var folder = filepath.Join(root, "tmp", "demo", "images")

// photos makes the demo's 1,000 photographs, where that was not done before.
var photos = sync.OnceValues(func() ([]photo.Photo, error) {
	ps := photo.Series(1000)
	ps = ps[:rowsOf(len(ps))]
	return ps, photo.Make(context.Background(), folder, ps, func(int, int) {})
})

func somePhotos(b *testing.B, wanted func(photo.Photo) bool) []photo.Photo {
	b.Helper()
	all, err := photos()
	if err != nil {
		b.Fatal(err)
	}
	var some []photo.Photo
	for _, p := range all {
		if wanted(p) {
			some = append(some, p)
		}
	}
	return some
}

func allPhotos(b *testing.B) []photo.Photo {
	b.Helper()
	return somePhotos(b, func(photo.Photo) bool { return true })
}

func names(ps []photo.Photo) []string {
	var ns []string
	for _, p := range ps {
		ns = append(ns, p.Name())
	}
	return ns
}

func readPhoto(b *testing.B, p photo.Photo) []byte {
	b.Helper()
	body, err := os.ReadFile(filepath.Join(folder, p.Name()))
	if err != nil {
		b.Fatal(err)
	}
	return body
}
