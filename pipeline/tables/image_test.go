package tables

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"sluice/pipeline"
)

// picture is what Hugging Face writes for an image.
type picture struct {
	Bytes *[]byte `parquet:"bytes,optional,plain"`
	Path  *string `parquet:"path,optional"`
}

// Columns of pictures, in all the ways in which they are written.
type (
	pathLast struct {
		Image picture `parquet:"image,optional"`
		Label int64   `parquet:"label"`
	}
	pathFirst struct {
		Image struct {
			Path  *string `parquet:"path,optional"`
			Bytes *[]byte `parquet:"bytes,optional"` // DELTA_LENGTH_BYTE_ARRAY
		} `parquet:"image"`
		Label int64 `parquet:"label"`
	}
	amongOthers struct {
		Before []string `parquet:"before,list"`
		Image  struct {
			Tags  []string `parquet:"tags,list"`
			Bytes *[]byte  `parquet:"bytes,optional,dict"`
			Size  struct {
				Width, Height int32
				Bytes         *[]byte `parquet:"bytes,optional"`
			} `parquet:"size,optional"`
			Path *string `parquet:"path,optional,dict"`
		} `parquet:"image,optional"`
		Label int64 `parquet:"label"`
	}
)

// noise is so many bytes that no codec makes fewer, other ones for each i.
func noise(i, size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(uint64(i), 1))
	for k := 0; k+8 <= size; k += 8 {
		binary.LittleEndian.PutUint64(b[k:], r.Uint64())
	}
	copy(b, fmt.Sprintf("\xff\xd8\xff%d ", i))
	return b
}

// onePage is more than a column's values in a row group. The writer allocates it.
const onePage = 128 << 20

// album is row i's image and path: every fifth has no image, every fifth no
// path, and so some neither; some images occur again.
func album(i int) (image *[]byte, path *string) {
	sizes := []int{300, 5000, 40_000, 0}
	b := noise(i%23, sizes[i%len(sizes)])
	if i%30 == 4 {
		b = noise(i%23, maxAhead+3)
	}
	p := fmt.Sprintf("train/%d.jpg", i)
	if i%5 != 2 {
		image = &b
	}
	if i%7 != 2 {
		path = &p
	}
	return image, path
}

// taken is a row as text, with its image read when it comes.
func taken(t *testing.T, r pipeline.Row) string {
	t.Helper()
	s := fmt.Sprint(r.Number)
	if r.Source != nil {
		s += " " + *r.Source
	}
	if r.Image == nil {
		return s
	}
	b, err := r.Image.Read(ctx)
	if err != nil || int64(len(b)) != r.Image.Size() {
		t.Fatalf("row %d: %d bytes of %d: %v", r.Number, len(b), r.Image.Size(), err)
	}
	return fmt.Sprintf("%s %d:%s", s, len(b), version(b))
}

// expected is what taken makes of a row of the album.
func expected(i int, image *[]byte, path *string) string {
	s := fmt.Sprint(i)
	if path != nil {
		s += " " + *path
	}
	if image != nil {
		s += fmt.Sprintf(" %d:%s", len(*image), version(*image))
	}
	return s
}

// embedded opens a file whose sources can be images.
func embedded(tb testing.TB, body []byte, rows int, spec pipeline.Spec) (*memory, pipeline.Partition, pipeline.Table) {
	tb.Helper()
	m := newMemory()
	p := whole(m.put("in.parquet", body), int64(rows))
	p.Embedded = true
	t, err := New().Open(ctx, m, p, spec)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { t.Close() })
	return m, p, t
}

func TestImagesInTheFileAreRead(t *testing.T) {
	const rows = 90
	layouts := map[string]func(opts ...parquet.WriterOption) []byte{
		"plain, path last": func(opts ...parquet.WriterOption) []byte {
			out := make([]pathLast, rows)
			for i := range out {
				out[i].Image.Bytes, out[i].Image.Path = album(i)
			}
			return encode(t, out, 37, opts...)
		},
		"lengths first, path first": func(opts ...parquet.WriterOption) []byte {
			out := make([]pathFirst, rows)
			for i := range out {
				out[i].Image.Bytes, out[i].Image.Path = album(i)
			}
			return encode(t, out, 37, opts...)
		},
		"a dictionary, among other fields": func(opts ...parquet.WriterOption) []byte {
			out := make([]amongOthers, rows)
			for i := range out {
				out[i].Before, out[i].Image.Tags = []string{"x", "y"}, []string{"a", "b", "c"}[:i%4]
				out[i].Image.Size.Width = int32(i)
				out[i].Image.Bytes, out[i].Image.Path = album(i)
			}
			return encode(t, out, 37, opts...)
		},
	}
	for layout, write := range layouts {
		for _, version := range []int{1, 2} {
			for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd} {
				for _, page := range []int{100_000, onePage} {
					t.Run(fmt.Sprintf("%s/v%d/%s/%d", layout, version, codec, page), func(t *testing.T) {
						if testing.Short() && codec.String() != "SNAPPY" {
							t.Skip("other codecs are alike")
						}
						t.Parallel()
						body := write(parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(page))
						for _, want := range []pipeline.Runs{everything(), {{First: 3, N: 2}, {First: 31, N: 9}, {First: 89, N: 1}}} {
							_, _, tab := embedded(t, body, rows, pipeline.Spec{Column: "image"})
							var got, expect []string
							for r, err := range tab.Rows(ctx, want) {
								if err != nil {
									t.Fatal(err)
								}
								got = append(got, taken(t, r))
							}
							for _, run := range want {
								for n := run.First; n < min(run.End(), rows); n++ {
									image, path := album(int(n))
									expect = append(expect, expected(int(n), image, path))
								}
							}
							if d := cmp.Diff(expect, got); d != "" {
								t.Error(d)
							}
						}
					})
				}
			}
		}
	}
}

// Images that nobody reads are passed over, and the next ones are right.
func TestLargeImagesThatAreNotReadArePassedOver(t *testing.T) {
	out := make([]pathLast, 20)
	for i := range out {
		b := noise(i, maxAhead+1+i)
		out[i].Image.Bytes = &b
	}
	_, _, tab := embedded(t, encode(t, out, 7), 20, pipeline.Spec{Column: "image"})
	var last pipeline.Image
	for r, err := range tab.Rows(ctx, everything()) {
		if err != nil {
			t.Fatal(err)
		}
		if last != nil {
			if _, err := last.Read(ctx); err == nil {
				t.Error("an image was read after its row")
			}
		}
		last = r.Image
		if i := int(r.Number); i%3 == 1 {
			if got, want := taken(t, r), expected(i, out[i].Image.Bytes, nil); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
}

func TestPlainBytesAreImagesUnlessTheyAreText(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		text  bool
	}{
		"a URL":                    {"https://host.example/a.jpg", true},
		"a URL with a line break":  {"https://host.example/a.jpg\n", true},
		"a key in Unicode":         {"bilder/größe 1.jpg", true},
		"a long URL":               {"https://host.example/" + strings.Repeat("a", longestSource-30), true},
		"a text beyond any URL":    {"https://host.example/" + strings.Repeat("a", longestSource), false},
		"nothing":                  {"", false},
		"space":                    {"  \n", false},
		"JPEG":                     {"\xff\xd8\xff\xe0", false},
		"PNG":                      {"\x89PNG\r\n\x1a\n", false},
		"TIFF":                     {"II*\x00", false},
		"AVIF":                     {"\x00\x00\x00\x1cftypavif", false},
		"a GIF that is cut off":    {"GIF89a", false},
		"a WebP of printable size": {"RIFFabcdWEBPVP8 ", false},
		"HTML":                     {"<!doctype html><title>gone</title>", false},
		"two lines":                {"first\nsecond", false},
		"Latin-1":                  {"bilder/gr\xf6\xdfe.jpg", false},
	} {
		t.Run(name, func(t *testing.T) {
			type row struct {
				Image *[]byte `parquet:"image,optional"`
			}
			b := []byte(c.value)
			_, _, tab := embedded(t, encode(t, []row{{&b}, {nil}}, 10), 2, pipeline.Spec{Column: "image"})
			rows, err := collect(tab, everything())
			if err != nil {
				t.Fatal(err)
			}
			switch r := rows[0]; {
			case c.text && (r.Image != nil || r.Source == nil || *r.Source != c.value):
				t.Errorf("it is taken for an image, or for the source %v", r.Source)
			case !c.text && (r.Source != nil || taken(t, r) != expected(0, &b, nil)):
				t.Errorf("it is taken for a source, or is another image: %v", r)
			}
			if r := rows[1]; r.Source != nil || r.Image != nil {
				t.Errorf("the null is %v", r)
			}
		})
	}
}

// A plan of before images could be in the file knows plain bytes as text.
func TestPlainBytesOfAnOlderPlanAreText(t *testing.T) {
	type row struct {
		URL []byte `parquet:"url"`
	}
	m := newMemory()
	o := m.put("in.parquet", encode(t, []row{{[]byte("GIF89a")}}, 10))
	tab, err := New().Open(ctx, m, whole(o, 1), pipeline.Spec{Column: "url"})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	rows, err := collect(tab, everything())
	if err != nil || rows[0].Image != nil || *rows[0].Source != "GIF89a" {
		t.Errorf("%v, %v", rows, err)
	}
	if got := fmt.Sprint(rows[0].Columns); got != "[GIF89a]" {
		t.Errorf("it keeps %s", got)
	}
}

func TestInspectTellsWhereImagesCanBe(t *testing.T) {
	type row struct {
		Image  picture `parquet:"image,optional"`
		Raw    []byte  `parquet:"raw"`
		URL    string  `parquet:"url"`
		NoPath struct {
			Bytes []byte `parquet:"bytes"`
		} `parquet:"no_path"`
		Text struct {
			Bytes string `parquet:"bytes"`
			Path  string `parquet:"path"`
		} `parquet:"text"`
		Many []picture `parquet:"many,list"`
	}
	m := newMemory()
	o := m.put("in.parquet", encode(t, []row{{}}, 10))
	info, err := New().Inspect(ctx, m, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.ColumnInfo{
		{Name: "image", Type: "struct", Embedded: true},
		{Name: "raw", Type: "byte_array", Source: true, Embedded: true, Scalar: true},
		{Name: "url", Type: "string", Source: true, Scalar: true},
		{Name: "no_path", Type: "struct"},
		{Name: "text", Type: "struct"},
		{Name: "many", Type: "list"},
	}
	if d := cmp.Diff(want, info.Columns); d != "" {
		t.Error(d)
	}
	for _, column := range []string{"no_path", "text", "many"} {
		p := whole(o, 1)
		p.Embedded = true
		_, err := New().Open(ctx, m, p, pipeline.Spec{Column: column})
		wantFileError(t, err, "in.parquet", "sources are strings, image bytes, or a struct of bytes and path")
	}
}

// The images are in no manifest: not by default, and not by name.
func TestImagesAreNotKept(t *testing.T) {
	type row struct {
		Raw []byte `parquet:"raw"`
		ID  int64  `parquet:"id"`
	}
	body := encode(t, []row{{[]byte("\xff\xd8\xff"), 7}}, 10)
	m, p, tab := embedded(t, body, 1, pipeline.Spec{Column: "raw"})
	rows, err := collect(tab, everything())
	if got := fmt.Sprint(rows[0].Columns); err != nil || got != "[7]" {
		t.Errorf("it keeps %s, %v", got, err)
	}
	_, err = New().Open(ctx, m, p, pipeline.Spec{Column: "raw", KeepColumns: []string{"id", "raw"}})
	wantFileError(t, err, "in.parquet", `column "raw" holds the images themselves, and cannot be kept`)
}

// Of a page with all images of a row group, which other readers hold whole, only
// a few are held, and of a large one nothing until it is read.
func TestPagesOfImagesAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 400 MB")
	}
	type plain struct {
		Image picture `parquet:"image,optional"`
	}
	type dict struct {
		Image struct {
			Bytes *[]byte `parquet:"bytes,optional,dict"`
			Path  *string `parquet:"path,optional"`
		} `parquet:"image,optional"`
	}
	const rows, size = 120, 400_000
	big := noise(rows, 20<<20)
	image := func(i int) *[]byte {
		if i == rows/2 {
			return &big
		}
		b := noise(i, size)
		return &b
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Zstd} {
		files := map[string][]byte{}
		opts := []parquet.WriterOption{parquet.Compression(codec), parquet.PageBufferSize(onePage)}
		var p []plain
		var d []dict
		for i := range rows {
			p = append(p, plain{picture{Bytes: image(i)}})
			d = append(d, dict{})
			d[i].Image.Bytes = image(i)
		}
		files["plain"], files["dictionary"] = encode(t, p, rows, opts...), encode(t, d, rows, opts...)
		clear(p)
		clear(d)
		for name, body := range files {
			t.Run(fmt.Sprintf("%s/%s", codec, name), func(t *testing.T) {
				m, _, tab := embedded(t, body, rows, pipeline.Spec{Column: "image"})
				live := func() int64 {
					var s runtime.MemStats
					runtime.GC()
					runtime.GC() // what is in pools goes with the second
					runtime.ReadMemStats(&s)
					return int64(s.HeapAlloc)
				}
				before, most, n := live(), int64(0), 0
				m.reset()
				for r, err := range tab.Rows(ctx, everything()) {
					if err != nil {
						t.Fatal(err)
					}
					if n++; n%10 == 1 || r.Number == rows/2 {
						most = max(most, live()-before)
					}
					if i := int(r.Number); i%50 == 0 {
						if got, want := taken(t, r), expected(i, image(i), nil); got != want {
							t.Errorf("%s, want %s", got, want)
						}
					}
				}
				limit := int64(8 << 20)
				if codec.String() == "ZSTD" { // klauspost's, by default, has the largest window
					limit += maxZstdWindow
				}
				t.Logf("%d kB of a file of %d MB, of which %d were read", most>>10, len(body)>>20, m.read>>20)
				if n != rows || most > limit {
					t.Errorf("%d rows, and %d kB were held", n, most>>10)
				}
				if m.read > int64(len(body))*5/4 {
					t.Errorf("%d MB were read of %d", m.read>>20, len(body)>>20)
				}
			})
		}
	}
}

func TestLargeImagesStopWhenTheFileChanges(t *testing.T) {
	out := make([]pathLast, 3)
	for i := range out {
		b := noise(i, 1<<20)
		out[i].Image.Bytes = &b
	}
	body := encode(t, out, 10)
	m, _, tab := embedded(t, body, 3, pipeline.Spec{Column: "image"})
	for r, err := range tab.Rows(ctx, everything()) {
		if err != nil {
			t.Fatal(err)
		}
		m.put("in.parquet", append(bytes.Clone(body), 0))
		_, err = r.Image.Read(ctx)
		wantFileError(t, err, "in.parquet", "it changed while the run was reading it")
		break
	}
}
