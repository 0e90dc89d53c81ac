package pipeline

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Fit says how an image meets the target's width and height.
type Fit string

// The fits, named as CSS and sharp name them.
const (
	Fill    Fit = "fill"    // exactly the target, stretched
	Cover   Fit = "cover"   // exactly the target, cropped at Position
	Contain Fit = "contain" // exactly the target, padded with Background
	Inside  Fit = "inside"  // as large as fits into the target, ratio kept
)

// Format of an encoded image.
type Format string

// The formats that can be written.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	WebP Format = "webp"
)

// Ext is the file name's extension, without the dot.
func (f Format) Ext() string {
	if f == JPEG {
		return "jpg"
	}
	return string(f)
}

// ContentType is the format's media type.
func (f Format) ContentType() string { return "image/" + string(f) }

// Target says what an image is turned into.
type Target struct {
	Width   int    `json:"width"`  // pixels
	Height  int    `json:"height"` // pixels
	Fit     Fit    `json:"fit"`
	Format  Format `json:"format"`
	Quality int    `json:"quality"` // 1 to 100; PNG, which is lossless, ignores it

	// What follows is left out of the JSON where it is the default: specs that
	// were stored before there was any of it read as they did.

	// Position is what Cover keeps.
	Position Position `json:"position,omitempty"`
	// NoEnlarge leaves small images their size: Fill stretches neither side
	// beyond it, Cover crops to what there is of the target, Contain pads.
	NoEnlarge bool `json:"no_enlarge,omitempty"`
	// Background is what transparency and the padding of Contain become: white
	// with "". With Transparent, PNG and WebP stay transparent.
	Background Colour `json:"background,omitempty"`
	// KeepMetadata keeps Exif (upright), XMP and IPTC; never a colour profile,
	// for the pixels are sRGB.
	KeepMetadata bool `json:"keep_metadata,omitempty"`
	// AcceptTruncated takes what there is of an image that is cut off or
	// damaged. Its row is ok, with the class and the message of what is wrong.
	AcceptTruncated bool `json:"accept_truncated,omitempty"`
}

// MaxSide is the largest width or height of a target, in pixels: what all
// three formats can hold (WebP ends at 16,383).
const MaxSide = 16383

// ParseSize reads "256x256".
func ParseSize(s string) (width, height int, err error) {
	w, h, ok := strings.Cut(s, "x")
	if ok {
		var errW, errH error
		width, errW = strconv.Atoi(w)
		height, errH = strconv.Atoi(h)
		ok = errW == nil && errH == nil && width >= 1 && height >= 1 && width <= MaxSide && height <= MaxSide
	}
	if !ok {
		return 0, 0, Usagef("size %q is not WIDTHxHEIGHT with both from 1 to %d, such as 256x256", s, MaxSide)
	}
	return width, height, nil
}

// Check says what is wrong with t.
func (t Target) Check() error {
	if _, _, err := ParseSize(fmt.Sprintf("%dx%d", t.Width, t.Height)); err != nil {
		return err
	}
	switch t.Fit {
	case Fill, Cover, Contain, Inside:
	default:
		return Usagef("fit %q is none of fill, cover, contain, inside", t.Fit)
	}
	switch t.Format {
	case JPEG, PNG, WebP:
	default:
		return Usagef("format %q is none of jpeg, png, webp", t.Format)
	}
	if t.Quality < 1 || t.Quality > 100 {
		return Usagef("quality %d is not from 1 to 100", t.Quality)
	}
	if err := t.Position.check(); err != nil {
		return err
	}
	if t.Position != Centre && t.Fit != Cover {
		return Usagef("position %q is for cover, which crops: the fit is %s", t.Position, t.Fit)
	}
	if t.Background == Transparent && t.Format == JPEG {
		return Usagef("background %q is for png and webp: jpeg has no transparency", t.Background)
	}
	return t.Background.check()
}

// Spec is what an output belongs to: two runs with different specs cannot share
// one. It is stored beside the output.
type Spec struct {
	Input  string `json:"input"`  // URL of the dataset
	Column string `json:"column"` // of the sources
	Target Target `json:"target"`
	// Key is the template of an image's key; "" is DefaultKey.
	Key string `json:"key,omitempty"`
	// KeepColumns are the input columns in the manifest; nil is all scalar ones,
	// and an empty list is none.
	KeepColumns []string `json:"keep_columns,omitzero"`
}

// Check says what is wrong with s.
func (s Spec) Check() error {
	if s.Column == "" {
		return Usagef("no column named: --column says which one holds the image URLs")
	}
	if err := s.Target.Check(); err != nil {
		return err
	}
	_, err := ParseKeyTemplate(s.Key)
	return err
}

// Difference names the first field in which an output's spec and another one
// differ, with both values, or is "".
func (s Spec) Difference(other Spec) string {
	size := func(t Target) string { return fmt.Sprintf("%dx%d", t.Width, t.Height) }
	keep := func(k []string) string {
		if k == nil {
			return "all"
		}
		return strings.Join(k, ",")
	}
	// The query says how a store is reached, not which one it is.
	place := func(url string) string {
		place, _, _ := strings.Cut(url, "?")
		return place
	}
	for _, f := range []struct{ flag, was, is string }{
		{"input", place(s.Input), place(other.Input)},
		{"column", s.Column, other.Column},
		{"size", size(s.Target), size(other.Target)},
		{"fit", string(s.Target.Fit), string(other.Target.Fit)},
		{"format", string(s.Target.Format), string(other.Target.Format)},
		{"quality", strconv.Itoa(s.Target.Quality), strconv.Itoa(other.Target.Quality)},
		{"position", cmp.Or(string(s.Target.Position), "centre"), cmp.Or(string(other.Target.Position), "centre")},
		{"no-enlarge", strconv.FormatBool(s.Target.NoEnlarge), strconv.FormatBool(other.Target.NoEnlarge)},
		{"background", string(s.Target.Background), string(other.Target.Background)},
		{"keep-metadata", strconv.FormatBool(s.Target.KeepMetadata), strconv.FormatBool(other.Target.KeepMetadata)},
		{"accept-truncated", strconv.FormatBool(s.Target.AcceptTruncated), strconv.FormatBool(other.Target.AcceptTruncated)},
		{"key", s.Key, other.Key},
		{"keep-columns", keep(s.KeepColumns), keep(other.KeepColumns)},
	} {
		if f.was != f.is {
			return fmt.Sprintf("--%s was %q, is %q", f.flag, f.was, f.is)
		}
	}
	return ""
}
