package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/jpeg" // what the demonstration's images are
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/demo/listing"
)

// entry is a row of the manifest, as far as the proof needs it.
type entry struct {
	File   string  `parquet:"file"`
	Row    int64   `parquet:"row"`
	Source *string `parquet:"source,optional"`
	Status string  `parquet:"status"`
	Class  *string `parquet:"error_class,optional"`
	Key    *string `parquet:"key,optional"`
	SHA256 *string `parquet:"sha256,optional"`
}

// side is the width and the height of the images, in pixels: run's default.
const side = 256

// place is where a row stands in the dataset.
type place struct {
	file string
	row  int64
}

// proof holds an output against its dataset, with nothing of sluice's own code:
// what it says can be checked by any reader of Parquet.
type proof struct {
	sources   map[place]string // of the dataset, by row
	found     map[place]bool   // in the manifest
	manifests int
	ok        int
	example   string // path of an image
	problems  []string
}

func (p *proof) wrong(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// examine reads a dataset and an output, and finds what is wrong. Of sound images
// none may have failed.
func examine(input, output string, sound bool) (*proof, error) {
	p := &proof{sources: map[place]string{}, found: map[place]bool{}}
	if err := p.readDataset(input); err != nil {
		return nil, err
	}
	if err := p.readManifest(output); err != nil {
		return nil, err
	}
	for at := range p.sources {
		if !p.found[at] {
			p.wrong("%s row %d is missing", at.file, at.row)
		}
	}
	if failed := len(p.found) - p.ok; sound && failed > 0 && len(p.problems) == 0 {
		p.wrong("%d rows are not ok, and every image is sound", failed)
	}
	return p, nil
}

// prove shows that each row of the dataset stands in the manifest once, and that
// each image that the manifest names is there, with the bytes that it says.
func (d *demo) prove(context.Context) error {
	p, err := examine(d.input(), d.output(), d.made)
	if err != nil {
		return err
	}
	if len(p.sources) != d.rows {
		p.wrong("%d rows were listed, and the dataset holds %d", d.rows, len(p.sources))
	}
	const shown = 10
	for i, problem := range p.problems {
		if i == shown {
			say("", "and %s more", count(len(p.problems)-shown))
			break
		}
		say("", "WRONG: %s", problem)
	}
	if len(p.problems) > 0 {
		return fmt.Errorf("%d rows are not as promised", len(p.problems))
	}
	d.example = p.example
	say("proof", "%s rows in, %s rows in %d manifests, each once; %s ok, and as many images of %dx%d, each with its sha256",
		count(len(p.sources)), count(len(p.found)), p.manifests, count(p.ok), side, side)
	return nil
}

func (p *proof) readDataset(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.parquet"))
	if err != nil {
		return err
	}
	for _, file := range files {
		rows, err := parquet.ReadFile[listing.Row](file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for i, r := range rows {
			p.sources[place{filepath.Base(file), int64(i)}] = r.Path
		}
	}
	return nil
}

func (p *proof) readManifest(output string) error {
	files, err := filepath.Glob(filepath.Join(output, "manifest", "*.parquet"))
	if err != nil {
		return err
	}
	p.manifests = len(files)
	for _, file := range files {
		entries, err := parquet.ReadFile[entry](file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, e := range entries {
			p.check(output, e)
		}
	}
	return nil
}

func (p *proof) check(output string, e entry) {
	at := place{e.File, e.Row}
	switch source, there := p.sources[at]; {
	case !there:
		p.wrong("%s row %d is in the manifest, and not in the dataset", e.File, e.Row)
	case p.found[at]:
		p.wrong("%s row %d is in the manifest twice", e.File, e.Row)
	case e.Source == nil || *e.Source != source:
		p.wrong("%s row %d has another source in the manifest", e.File, e.Row)
	case e.Status != "ok" && e.Class == nil:
		p.wrong("%s row %d is %s, and nothing says why", e.File, e.Row, e.Status)
	case e.Status == "ok" && (e.Key == nil || e.SHA256 == nil):
		p.wrong("%s row %d is ok, and names no image", e.File, e.Row)
	case e.Status == "ok":
		p.image(output, e)
	}
	p.found[at] = true
}

func (p *proof) image(output string, e entry) {
	path := filepath.Join(output, filepath.FromSlash(*e.Key))
	body, err := os.ReadFile(path)
	if err != nil {
		p.wrong("%s row %d: %v", e.File, e.Row, err)
		return
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != *e.SHA256 {
		p.wrong("%s row %d: %s has other bytes than the manifest says", e.File, e.Row, path)
		return
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(body))
	if err != nil || size.Width != side || size.Height != side {
		p.wrong("%s row %d: %s is %dx%d, %v, and %dx%d was asked for", e.File, e.Row, path, size.Width, size.Height, err, side, side)
		return
	}
	p.ok++
	p.example = path
}
