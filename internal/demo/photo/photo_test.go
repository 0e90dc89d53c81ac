package photo

import (
	"bytes"
	"context"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

func TestPhotographsAreThePlannedSizeAndDecode(t *testing.T) {
	folder := t.TempDir()
	photos := Series(10)
	makeAll(t, folder, photos)
	var pixels, size int
	for _, p := range photos {
		body, err := os.ReadFile(filepath.Join(folder, p.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if m.Bounds().Dx() != p.Width || m.Bounds().Dy() != p.Height {
			t.Errorf("%s is %v", p.Name(), m.Bounds())
		}
		pixels += p.Width * p.Height
		size += len(body)
		t.Logf("%s %d kB, %.2f bits a pixel", p.Name(), len(body)/1000, float64(8*len(body))/float64(p.Width*p.Height))
	}
	if bits := float64(8*size) / float64(pixels); bits < 0.8 || bits > 1.5 {
		t.Errorf("%.2f bits a pixel are not a photograph's", bits)
	}
}

func TestAFolderIsCompletedAndKeepsWhatItHolds(t *testing.T) {
	folder := t.TempDir()
	photos := Series(3)
	makeAll(t, folder, photos)
	first, third := filepath.Join(folder, photos[0].Name()), filepath.Join(folder, photos[2].Name())
	was, err := os.ReadFile(third)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(third); err != nil {
		t.Fatal(err)
	}
	makeAll(t, folder, photos)
	if body, _ := os.ReadFile(first); string(body) != "kept" {
		t.Error("a photograph that was there was made again")
	}
	if is, _ := os.ReadFile(third); !bytes.Equal(is, was) {
		t.Error("the same number is another picture")
	}
}

func makeAll(t *testing.T, folder string, photos []Photo) {
	t.Helper()
	if err := Make(context.Background(), folder, photos, func(int, int) {}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkEncode(b *testing.B) {
	s := theScenery()
	p := Series(10)[3]
	for b.Loop() {
		if _, err := p.encode(s); err != nil {
			b.Fatal(err)
		}
	}
}
