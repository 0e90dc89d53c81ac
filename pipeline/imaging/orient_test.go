package imaging

import (
	"encoding/binary"
	"fmt"
	"image"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

func TestEveryOrientationIsUprightOnce(t *testing.T) {
	imager()
	const width, height = 150, 100
	upright := photo(width, height)
	for o := 1; o <= 8; o++ {
		stored := storedAs(upright, o)
		size := stored.Rect.Size()
		jpeg := jpegOf(stored, 95)
		webp := webpOf(stored, true, vips.WebpExportParams{Quality: 95, ReductionEffort: 2})
		for _, c := range []struct {
			name string
			src  []byte
		}{
			{"JPEG", withExif(jpeg, o)},
			{"little-endian JPEG", withSegment(jpeg, markerAPP1, append([]byte("Exif\x00\x00"), exif(binary.LittleEndian, o)...))},
			{"PNG", withChunk(pngOf(stored), "eXIf", exif(binary.BigEndian, o))},
			{"interlaced PNG", withChunk(interlacedPNG(stored), "eXIf", exif(binary.BigEndian, o))},
			{"WebP", extendedWebP(webp, size.X, size.Y, exif(binary.LittleEndian, o))},
			{"WebP with a prefix", extendedWebP(webp, size.X, size.Y, append([]byte("Exif\x00\x00"), exif(binary.LittleEndian, o)...))},
		} {
			t.Run(fmt.Sprint(c.name, " ", o), func(t *testing.T) {
				for _, target := range []pipeline.Target{
					target(38, 10, pipeline.Fill, pipeline.PNG), // one side is shrunk more
					target(30, 30, pipeline.Inside, pipeline.PNG),
					target(110, 110, pipeline.Inside, pipeline.PNG),
				} {
					got := rendered(t, c.src, target)
					want := scaled(upright, fit(sizeOf(upright), target))
					// Another way up differs by 30 and more.
					if mean, worst := difference(t, got, want); mean > 4 {
						t.Errorf("to %v: differs by %.2f levels on average, %.0f at worst", target, mean, worst)
					}
				}
			})
		}
	}
}

// storedAs is im as a camera stores it with an orientation: pixel by pixel, from
// the table of Exif 2.32, section 4.6.4.
func storedAs(im *image.NRGBA, orientation int) *image.NRGBA {
	w, h := im.Rect.Dx(), im.Rect.Dy()
	out := image.NewNRGBA(im.Rect)
	if orientation >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			u, v := map[int][2]int{ // where row y, column x is in the upright image
				1: {x, y}, 2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y},
				5: {y, x}, 6: {w - 1 - y, x}, 7: {w - 1 - y, h - 1 - x}, 8: {y, h - 1 - x},
			}[orientation][0], map[int]int{
				1: y, 2: y, 3: h - 1 - y, 4: h - 1 - y, 5: x, 6: x, 7: h - 1 - x, 8: h - 1 - x,
			}[orientation]
			out.SetNRGBA(x, y, im.NRGBAAt(u, v))
		}
	}
	return out
}
