package pipeline

import (
	"strings"
	"testing"
)

// Only where the spec takes damaged sources may an ok row say that it had one.
func TestAnOKRowMaySayThatItsSourceWasDamaged(t *testing.T) {
	p := Partition{Name: "p-1of2"}
	keys, err := ParseKeyTemplate("")
	if err != nil {
		t.Fatal(err)
	}
	source := "a.jpg"
	ok := Outcome{Row: 1, Source: &source, Status: OK, Format: "jpeg", SHA256: strings.Repeat("0f", 32), Width: 1, Height: 1, Bytes: 1}
	ok.Key = keys.Key(p.Name, ok.Row, ok.SHA256[:16], JPEG)
	for _, c := range []struct {
		name    string
		accept  bool
		class   Class
		message string
		sound   bool
	}{
		{"whole", false, "", "", true},
		{"whole, where damage is taken", true, "", "", true},
		{"truncated", true, Truncated, "a JPEG without its end", true},
		{"corrupt", true, Corrupt, "a JPEG with damaged data", true},
		{"truncated, and not allowed", false, Truncated, "a JPEG without its end", false},
		{"without a word", true, Truncated, "", false},
		{"another class", true, Timeout, "too late", false},
	} {
		v := &verifier{keys: keys, acceptTruncated: c.accept}
		o := ok
		o.Class, o.Message = c.class, c.message
		if problem := v.outcome(p, o); (problem == "") != c.sound {
			t.Errorf("%s: %q", c.name, problem)
		}
	}
}

// Only where the dataset can hold the images themselves may a row that was done
// have no source.
func TestARowWithoutASourceIsSkippedUnlessImagesAreEmbedded(t *testing.T) {
	source := "a.jpg"
	failed := Outcome{Row: 1, Status: Failed, Class: Empty, Message: "no bytes"}
	named := failed
	named.Source = &source
	for _, c := range []struct {
		name     string
		embedded bool
		outcome  Outcome
		sound    bool
	}{
		{"failed, with a source", false, named, true},
		{"failed, without one", false, failed, false},
		{"failed, an image with a path", true, named, true},
		{"failed, an image without one", true, failed, true},
		{"skipped", true, Outcome{Status: Skipped}, true},
		{"skipped, with a path", true, Outcome{Status: Skipped, Source: &source}, false},
	} {
		v := &verifier{}
		if problem := v.outcome(Partition{Embedded: c.embedded}, c.outcome); (problem == "") != c.sound {
			t.Errorf("%s: %q", c.name, problem)
		}
	}
}
