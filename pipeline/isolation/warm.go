package isolation

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"

	"sluice/pipeline"
)

// render renders one image, for Serve.
func render(m pipeline.Imager, src []byte, r request) (answer, []byte) {
	out, err := m.Render(context.Background(), src, r.Header, r.Target)
	if err == nil {
		body := out.Bytes
		out.Bytes = nil
		return answer{Rendition: out, Bytes: int64(len(body))}, body
	}
	if re, ok := pipeline.AsRowError(err); ok {
		return answer{Class: re.Class, Message: re.Message}, nil
	}
	return answer{Broken: err.Error()}, nil
}

//go:embed warm.avif
var avif []byte

// warm renders an image of each kind once, so that what libraries load and build
// on first use is there before the decoder is confined and measured. A format
// that the imager does not take is left out.
func warm(m pipeline.Imager) error {
	picture := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.White, color.Black, color.RGBA{200, 100, 50, 255}})
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i / 7 % 3)
	}
	var asJPEG, asPNG, asGIF bytes.Buffer
	for _, err := range []error{jpeg.Encode(&asJPEG, picture, nil), png.Encode(&asPNG, picture), gif.Encode(&asGIF, picture, nil)} {
		if err != nil {
			return err
		}
	}
	sources := [][]byte{asJPEG.Bytes(), asPNG.Bytes(), asGIF.Bytes(), avif}
	for i := 0; i < len(sources); i++ {
		h, err := m.Probe(sources[i])
		if err != nil {
			continue
		}
		for _, f := range []pipeline.Format{pipeline.JPEG, pipeline.PNG, pipeline.WebP} {
			t := pipeline.Target{Width: 24, Height: 24, Fit: pipeline.Cover, Format: f, Quality: 80}
			out, err := m.Render(context.Background(), sources[i], h, t)
			if err != nil && i == 0 {
				return fmt.Errorf("a decoder does not render: %w", err)
			}
			if err == nil && f == pipeline.WebP && i == 0 {
				sources = append(sources, out.Bytes)
			}
		}
	}
	return nil
}
