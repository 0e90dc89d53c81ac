package pipeline

import (
	"fmt"
	"strconv"
	"strings"
)

// Position says which part of an image a cover crop keeps.
type Position string

// The positions. The last two look at the picture: attention keeps what people
// look at first (edges, skin, saturated colours), entropy what has most detail.
const (
	Centre      Position = "" // the default, left out of specs that are stored
	Top         Position = "top"
	Bottom      Position = "bottom"
	Left        Position = "left"
	Right       Position = "right"
	TopLeft     Position = "top-left"
	TopRight    Position = "top-right"
	BottomLeft  Position = "bottom-left"
	BottomRight Position = "bottom-right"
	Attention   Position = "attention"
	Entropy     Position = "entropy"
)

// Positions are the words for --position.
var Positions = []string{
	"centre", string(Top), string(Bottom), string(Left), string(Right),
	string(TopLeft), string(TopRight), string(BottomLeft), string(BottomRight),
	string(Attention), string(Entropy),
}

// ParsePosition reads one of Positions; "center" is centre.
func ParsePosition(s string) (Position, error) {
	switch s {
	case "", "centre", "center":
		return Centre, nil
	}
	p := Position(s)
	return p, p.check()
}

func (p Position) check() error {
	if p == Centre {
		return nil
	}
	for _, word := range Positions[1:] {
		if string(p) == word {
			return nil
		}
	}
	return Usagef("position %q is none of %s", string(p), strings.Join(Positions, ", "))
}

// Anchors are where along the width and along the height the crop of p lies:
// 0 is left or top, 1 is right or bottom.
func (p Position) Anchors() (x, y float64) {
	x, y = 0.5, 0.5
	if strings.HasPrefix(string(p), "top") {
		y = 0
	}
	if strings.HasPrefix(string(p), "bottom") {
		y = 1
	}
	if strings.HasSuffix(string(p), "left") {
		x = 0
	}
	if strings.HasSuffix(string(p), "right") {
		x = 1
	}
	return x, y
}

// Colour is an opaque colour as "#rrggbb", or Transparent. "" is the default,
// white: what images are made for (models, pages of thumbnails) takes three bands
// from every one of them, whichever format it is kept in.
type Colour string

// Transparent is the background that keeps transparency as it is, in the formats
// that have any.
const Transparent Colour = "none"

// ParseColour reads "#fff", "#ffffff" (the # may be missing: a shell takes it
// for a comment), "255,255,255", "white", "black" or "none".
func ParseColour(s string) (Colour, error) {
	bad := Usagef("background %q is no colour such as #ffffff, #fff, 255,255,255, white or black, and not none", s)
	switch s {
	case "", string(Transparent):
		return Colour(s), nil
	case "white":
		s = "ffffff"
	case "black":
		s = "000000"
	}
	if parts := strings.Split(s, ","); len(parts) == 3 {
		hex := "#"
		for _, part := range parts {
			n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 8)
			if err != nil {
				return "", bad
			}
			hex += fmt.Sprintf("%02x", n)
		}
		return Colour(hex), nil
	}
	hex := strings.ToLower(strings.TrimPrefix(s, "#"))
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	if _, err := strconv.ParseUint(hex, 16, 32); err != nil || len(hex) != 6 {
		return "", bad
	}
	return Colour("#" + hex), nil
}

// RGB is c's red, green and blue; white if it has none.
func (c Colour) RGB() (r, g, b uint8) {
	if len(c) != 7 {
		return 255, 255, 255
	}
	n, err := strconv.ParseUint(string(c[1:]), 16, 32)
	if err != nil {
		return 255, 255, 255
	}
	return uint8(n >> 16), uint8(n >> 8), uint8(n)
}

func (c Colour) check() error {
	parsed, err := ParseColour(string(c))
	if err == nil && parsed != c {
		return Usagef("background %q should be spelled %q", string(c), string(parsed))
	}
	return err
}
