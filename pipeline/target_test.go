package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestColours(t *testing.T) {
	for text, want := range map[string]Colour{
		"": "", "#fff": "#ffffff", "fff": "#ffffff", "#A0b1C2": "#a0b1c2", "255,0,16": "#ff0010", "1, 2, 3": "#010203",
		"white": "#ffffff", "black": "#000000",
	} {
		if got, err := ParseColour(text); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{"#", "#ff", "#fffff", "#ggg", "+fffff", "1,2", "1,2,3,4", "1,2,256", "-1,2,3", "red green"} {
		if got, err := ParseColour(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
	if r, g, b := Colour("#ff0110").RGB(); r != 255 || g != 1 || b != 16 {
		t.Errorf("RGB is %d, %d, %d", r, g, b)
	}
	if r, g, b := Colour("").RGB(); r != 255 || g != 255 || b != 255 {
		t.Errorf("the default is %d, %d, %d", r, g, b)
	}
}

func TestPositions(t *testing.T) {
	for _, word := range append([]string{"", "center"}, Positions...) {
		p, err := ParsePosition(word)
		if err != nil {
			t.Errorf("%q: %v", word, err)
		}
		target := Target{Width: 1, Height: 1, Fit: Cover, Format: JPEG, Quality: 1, Position: p}
		if err := target.Check(); err != nil {
			t.Errorf("%q: %v", word, err)
		}
	}
	for p, want := range map[Position][2]float64{Centre: {0.5, 0.5}, Top: {0.5, 0}, BottomRight: {1, 1}, Left: {0, 0.5}} {
		if x, y := p.Anchors(); x != want[0] || y != want[1] {
			t.Errorf("%s lies at %g, %g", p, x, y)
		}
	}
}

func TestWrongTargetsAreToldInOneLine(t *testing.T) {
	good := Target{Width: 8, Height: 8, Fit: Fill, Format: JPEG, Quality: 80}
	for _, change := range []func(*Target){
		func(t *Target) { t.Position = "middle" },
		func(t *Target) { t.Position = Top },
		func(t *Target) { t.Background = "#fff" }, // a second spelling would be a second spec
		func(t *Target) { t.Background = "nonsense" },
		func(t *Target) { t.Background = Transparent },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// What was stored before a field existed must compare equal to what is made now.
func TestDefaultsAreNotStored(t *testing.T) {
	got, err := json.Marshal(Target{Width: 8, Height: 8, Fit: Fill, Format: JPEG, Quality: 80})
	if want := `{"width":8,"height":8,"fit":"fill","format":"jpeg","quality":80}`; string(got) != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
