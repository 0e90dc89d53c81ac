package bench

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/sync/errgroup"
)

// bareRender is the least that the job takes with govips: the JPEG shrunk by
// its decoder as far as it still covers 256x256, the rest resized with
// Lanczos-3, a baseline JPEG out. Nothing is checked.
func bareRender(src []byte) ([]byte, error) {
	header, err := jpeg.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	shrink := 8
	for header.Width/shrink < target.Width || header.Height/shrink < target.Height {
		shrink /= 2
	}
	in := vips.NewImportParams()
	in.Access.Set(vips.AccessSequential)
	in.JpegShrinkFactor.Set(shrink)
	im, err := vips.LoadImageFromBuffer(src, in)
	if err != nil {
		return nil, err
	}
	defer im.Close()
	x := float64(target.Width) / float64(im.Width())
	y := float64(target.Height) / float64(im.Height())
	if err := im.ResizeWithVScale(x, y, vips.KernelLanczos3); err != nil {
		return nil, err
	}
	out, _, err := im.ExportJpeg(&vips.JpegExportParams{Quality: target.Quality, StripMetadata: true})
	return out, err
}

// bareRun downloads, renders and saves all URLs, with so many goroutines, of
// which as many as there are CPUs render at a time.
func bareRun(b *testing.B, urls []string, goroutines int) {
	b.Helper()
	out := outputDir(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: goroutines}}
	defer client.CloseIdleConnections()
	rendering := make(chan struct{}, cpus())
	inParallel(b, len(urls), goroutines, func(i int) error {
		body, err := download(client, urls[i])
		if err != nil {
			return err
		}
		rendering <- struct{}{}
		image, err := bareRender(body)
		<-rendering
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(out, fmt.Sprintf("%06d.jpg", i)), image, 0o644)
	})
}

// download trusts the origin's Content-Length, which costs one buffer and no
// growing.
func download(client *http.Client, url string) ([]byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	body := make([]byte, resp.ContentLength)
	_, err = io.ReadFull(resp.Body, body)
	return body, err
}

// inParallel does n jobs with so many goroutines.
func inParallel(b *testing.B, n, goroutines int, job func(i int) error) {
	b.Helper()
	var g errgroup.Group
	var next atomic.Int64
	for range goroutines {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := job(i); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

func cpus() int { return runtime.GOMAXPROCS(0) }
