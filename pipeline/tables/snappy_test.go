package tables

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/snappy"
)

func TestSnappyIsReadAsAStream(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"a byte":              {7},
		"one byte repeated":   bytes.Repeat([]byte("a"), 3<<20),
		"a few repeated":      bytes.Repeat([]byte("abcdefghijk"), 300_000),
		"text":                []byte(strings.Repeat("the image of a row of a dataset; ", 90_000)),
		"noise":               noise(1, 3<<20),
		"noise and its copy":  append(noise(2, 900_000), noise(2, 900_000)...),
		"many copies of some": bytes.Repeat(noise(3, 70_001), 40),
	} {
		t.Run(name, func(t *testing.T) {
			packed := snappy.Encode(nil, b)
			for reads, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader,
			} {
				if reads == "bytes" && len(b) > 1<<20 && name != "noise and its copy" {
					continue
				}
				u, err := newUnsnappy(bytes.NewReader(packed), nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(wrap(u))
				if err != nil || !bytes.Equal(got, b) {
					t.Errorf("%s: %d bytes of %d, %v", reads, len(got), len(b), err)
				}
			}
			for _, cut := range []int{1, len(packed) / 2, len(packed) - 1} {
				if cut < 1 || cut >= len(packed) {
					continue
				}
				u, err := newUnsnappy(bytes.NewReader(packed[:cut]), nil)
				if err == nil {
					_, err = io.ReadAll(u)
				}
				if err == nil {
					t.Errorf("the first %d bytes of %d are read without an error", cut, len(packed))
				}
			}
		})
	}
}

func TestDamagedSnappyIsRefused(t *testing.T) {
	far := append([]byte("\x84\x80\x80\x01\xfc\xff\xff\x1f\x00"), make([]byte, 2<<20)...) // 2 MB and 4 bytes: a literal of 2 MB
	for name, c := range map[string]struct {
		packed, problem string
	}{
		"a copy of nothing":          {"\x08\x0d\x01", "damaged"},
		"a copy from before":         {"\x08\x00a\x0d\x05", "damaged"},
		"a copy by nought":           {"\x08\x00a\x0d\x00", "damaged"},
		"a literal beyond the end":   {"\x02\x0cabcd", "damaged"},
		"more than there is":         {"\x08\x00a", "EOF"},
		"a length of 2^40":           {"\x80\x80\x80\x80\x80\x20", "damaged"},
		"a copy from two megabytes":  {string(far) + "\x0f\x00\x00\x20\x00", "refers back by more than 1 MB"},
		"no bytes, not even of size": {"", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := newUnsnappy(strings.NewReader(c.packed), nil)
			if err == nil {
				_, err = io.ReadAll(u)
			}
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
