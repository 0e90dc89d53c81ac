package isolation

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sluice/pipeline"
	"sluice/pipeline/imaging"
)

// photo is a JPEG with detail everywhere.
func photo(t testing.TB, width, height int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.NRGBA{uint8(x) ^ uint8(r.Uint32()&15), uint8(y), uint8(x + y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samples are images of every kind, some of them damaged, by name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"photograph": photo(t, 800, 600)}
	files, err := filepath.Glob("../imaging/testdata/*.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no images (%v)", err)
	}
	for _, f := range files {
		if all[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	whole := all["photograph"]
	all["cut"] = whole[:len(whole)/2]
	all["after junk"] = append([]byte("\r\n\r\n"), whole...)
	all["scrambled"] = bytes.Clone(whole)
	for i := len(whole) / 2; i < len(whole)/2+300; i++ {
		all["scrambled"][i] ^= 0x5a
	}
	return all
}

// A decoder's renditions are those of this process: bytes, sizes, damage and
// failures.
func TestTheSameAsInThisProcess(t *testing.T) {
	here, err := imaging.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	there := isolated(t, "real", imaging.Headers(nil), Options{Decoders: 1})
	damaged := 0
	for name, src := range samples(t) {
		for _, to := range []pipeline.Target{
			{Width: 64, Height: 48, Fit: pipeline.Cover, Format: pipeline.JPEG, Quality: 80},
			{Width: 33, Height: 47, Fit: pipeline.Contain, Format: pipeline.PNG, AcceptTruncated: true},
			{Width: 60, Height: 60, Fit: pipeline.Inside, Format: pipeline.WebP, Quality: 80, KeepMetadata: true, AcceptTruncated: true},
		} {
			h, err := here.Probe(src)
			if h2, err2 := there.Probe(src); h2 != h || !reflect.DeepEqual(err, err2) {
				t.Errorf("%s: %+v, %v; want %+v, %v", name, h2, err2, h, err)
			}
			if err != nil {
				continue
			}
			if there.Cost(h, to) != here.Cost(h, to) {
				t.Errorf("%s: another cost", name)
			}
			want, wantErr := here.Render(t.Context(), src, h, to)
			got, err := there.Render(t.Context(), src, h, to)
			if !reflect.DeepEqual(want, got) || !reflect.DeepEqual(wantErr, err) {
				t.Errorf("%s to %s: %d bytes, %v, %v; want %d bytes, %v, %v", name, to.Format, len(got.Bytes), got.Damage, err, len(want.Bytes), want.Damage, wantErr)
			}
			if got.Damage != nil {
				damaged++
			}
		}
	}
	if damaged == 0 {
		t.Error("no damage was accepted: the test has lost its point")
	}
	if s := there.Stats(); s.Starts != 1 || s.Crashes+s.Timeouts != 0 {
		t.Errorf("%+v", s)
	}
}

// TestBase measures what a decoder holds, pages of code and all, after images of
// every kind.
func TestBase(t *testing.T) {
	m := isolated(t, "real", imaging.Headers(nil), Options{Decoders: 1})
	all := samples(t)
	all["large"] = photo(t, 4000, 3000)
	var most int64
	for range 5 {
		for _, src := range all {
			h, err := m.Probe(src)
			if err != nil {
				continue
			}
			for _, f := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
				to := pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: f, Quality: 80}
				_, _ = m.Render(t.Context(), src, h, to) // some are damaged
			}
		}
		c := <-m.slots
		own, shared, err := c.resident()
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, own+shared)
		t.Logf("%d MiB of its own, %d MiB that others can have, too", own>>20, shared>>20)
		m.slots <- c
	}
	if most > Base {
		t.Errorf("a decoder holds %d MiB, and Base is %d", most>>20, Base>>20)
	}
}
