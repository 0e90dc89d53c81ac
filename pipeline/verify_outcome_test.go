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
	ok := Outcome{Row: 1, Status: OK, Format: "jpeg", SHA256: strings.Repeat("0f", 32), Width: 1, Height: 1, Bytes: 1}
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
