package pipeline

import "testing"

func TestKeys(t *testing.T) {
	for _, c := range []struct{ template, key string }{
		{"", "images/p-1of2/000000042-0123456789abcdef.jpg"},
		{"images/{hash}.{ext}", "images/0123456789abcdef.jpg"},
		{"images/{partition}/{row}", "images/p-1of2/000000042"},
	} {
		tmpl, err := ParseKeyTemplate(c.template)
		if err != nil {
			t.Errorf("%q: %v", c.template, err)
			continue
		}
		if key := tmpl.Key("p-1of2", 42, "0123456789abcdef", JPEG); key != c.key {
			t.Errorf("%q makes %s, want %s", c.template, key, c.key)
		}
	}
	for _, bad := range []string{
		"images/{row}.jpg", "images/{partition}", "{hash}", "manifest/{hash}.{ext}", "images/{hash", "images/hash}",
		"images/{name}-{hash}", "images/../{hash}", "images//{hash}", "/images/{hash}",
	} {
		if _, err := ParseKeyTemplate(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSpecNamesItsDifference(t *testing.T) {
	a := Spec{Input: "file:///a", Column: "path", Target: Target{Width: 256, Height: 256, Fit: Fill, Format: JPEG, Quality: 80}}
	b, c := a, a
	b.Target.Width = 128
	d := a
	d.Target.Position = Top
	c.Input = "file:///a?query=1"
	for _, x := range []struct {
		other Spec
		want  string
	}{
		{a, ""},
		{c, ""},
		{b, `--size was "256x256", is "128x256"`},
		{d, `--position was "centre", is "top"`},
	} {
		if got := a.Difference(x.other); got != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
}
