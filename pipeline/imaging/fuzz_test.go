package imaging

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/pipeline"
)

// seed adds a small image of each kind, whole and cut, and what is none.
func seed(f *testing.F) {
	add := func(src []byte) {
		f.Add(src)
		f.Add(src[:len(src)/2])
		f.Add(src[:min(40, len(src))])
	}
	for _, src := range wholes(photo(16, 12)) {
		add(src)
	}
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(src)
	}
	im := photo(20, 10)
	add(cmykJPEG(im))
	add(pngOf(image.NewGray16(im.Rect)))
	f.Add(append([]byte("junk\n"), jpegOf(im, 80)...))
	f.Add([]byte("<!doctype html>"))
	f.Add([]byte("RIFF\xff\xff\xff\xffWEBPVP8X"))
	f.Add([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"))
}

func FuzzProbe(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		h, err := imager().Probe(src)
		if err != nil {
			re, ok := pipeline.AsRowError(err)
			if !ok {
				t.Fatalf("not the row's error: %v", err)
			}
			switch re.Class {
			case pipeline.Empty, pipeline.Unsupported, pipeline.Corrupt, pipeline.Truncated, pipeline.TooManyPixels:
			default:
				t.Fatalf("probing says %s", re.Class)
			}
			if bytes.ContainsAny([]byte(re.Message), "\n\x00") || re.Message == "" {
				t.Fatalf("its message is %q", re.Message)
			}
			return
		}
		if h.Pixels() == 0 || h.Pixels() > 100e6 || h.Bands < 1 || h.Bands > 5 || h.Depth < 1 || h.Depth > 16 || h.Orientation < 0 || h.Orientation > 8 || h.Skip < 0 || h.Skip > len(src) || h.Chunk < 0 {
			t.Fatalf("%+v", h)
		}
		if imager().Cost(h, target(256, 256, pipeline.Cover, pipeline.JPEG)) <= 0 {
			t.Fatalf("%+v costs nothing", h)
		}
	})
}

// FuzzRender decodes whatever Probe lets through, up to a size that is quick: it
// ends, and with an error it is the row's.
func FuzzRender(f *testing.F) {
	seed(f)
	m := must(New(&Options{MaxPixels: 250_000}))
	f.Fuzz(func(t *testing.T, src []byte) {
		h, err := m.Probe(src)
		if err != nil {
			return
		}
		to := target(16, 16, pipeline.Cover, pipeline.JPEG)
		to.AcceptTruncated = len(src)%2 == 0
		hung := time.AfterFunc(20*time.Second, func() { panic("hung") })
		defer hung.Stop()
		out, err := m.Render(t.Context(), src, h, to)
		if _, ok := pipeline.AsRowError(err); err != nil && !ok {
			t.Fatalf("not the row's error: %v", err)
		}
		if err == nil && (out.Width != 16 || out.Height != 16 || len(out.Bytes) == 0) {
			t.Fatalf("%dx%d in %d bytes", out.Width, out.Height, len(out.Bytes))
		}
	})
}
