package imaging

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// BenchmarkRender makes thumbnails of 256x256 out of photograph-like JPEGs, by
// this package and, for comparison, by its general way and by govips' Thumbnail:
//
//	go test -run '^$' -bench Render -count 10 ./pipeline/imaging | benchstat -col /by -
func BenchmarkRender(b *testing.B) {
	m := imager()
	to := pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80}
	for _, s := range []size{{1024, 768}, {2048, 1536}, {4000, 3000}} {
		name := fmt.Sprintf("%dx%d", s.width, s.height)
		src := cached(b, "bench "+name, func() []byte { return jpegOf(photo(s.width, s.height), 85) })
		for _, by := range []struct {
			name   string
			render func() error
		}{
			{"sluice", func() error {
				h, err := m.Probe(src)
				if err != nil {
					return err
				}
				_, err = m.Render(b.Context(), src, h, to)
				return err
			}},
			{"general", func() error {
				h, err := m.Probe(src)
				if err != nil {
					return err
				}
				_, err = general(src, h, to)
				return err
			}},
			{"thumbnail", func() error { return thumbnail(src, to) }},
		} {
			b.Run("size="+name+"/by="+by.name, func(b *testing.B) {
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if err := by.render(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(src))/float64(s.width*s.height), "B/px")
				b.ReportMetric(float64(b.N)/(cpuTime(b)-before).Seconds(), "images/cpu-s")
			})
		}
	}
}

// thumbnail is what govips offers for it, with the same encoder.
func thumbnail(src []byte, t pipeline.Target) error {
	im, err := vips.NewThumbnailWithSizeFromBuffer(src, t.Width, t.Height, vips.InterestingNone, vips.SizeForce)
	if err != nil {
		return err
	}
	defer im.Close()
	_, _, err = im.ExportJpeg(&vips.JpegExportParams{Quality: t.Quality, StripMetadata: true})
	return err
}

func BenchmarkProbe(b *testing.B) {
	for _, format := range []string{"JPEG", "PNG", "WebP"} {
		src := wholes(photo(300, 220))[format]
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if _, err := imager().Probe(src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// cpuTime is what the process has used of all CPUs: libvips works on threads of
// its own.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkInspect is what looking for damage costs on top of a Render.
func BenchmarkInspect(b *testing.B) {
	imager()
	im := photo(1024, 768)
	for _, s := range []struct {
		name string
		src  []byte
	}{
		{"JPEG", cached(b, "bench 1024x768", func() []byte { return jpegOf(im, 85) })},
		{"PNG", pngOf(im)},
		{"GIF", gifOf(im)},
		{"WebP", webpOf(im, true, vips.WebpExportParams{Quality: 80})},
	} {
		h := must(imager().Probe(s.src))
		to := pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80}
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				if err := inspect(s.src, h); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(s.name+" render", func(b *testing.B) {
			for b.Loop() {
				if _, err := imager().Render(b.Context(), s.src, h, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
