package main

import (
	"reflect"
	"strings"
	"testing"

	"sluice/pipeline/isolation"
)

// A decoder is started with what the operator has said about images.
func TestDecodersGetTheirOptions(t *testing.T) {
	for _, args := range []string{"", "--max-pixels 12MP", "--allow-format jp2 --max-pixels 1"} {
		o, err := parse(strings.Fields(args), new(strings.Builder))
		if err != nil {
			t.Fatal(err)
		}
		sent := o.decoderArgs()
		if sent[0] != isolation.Arg {
			t.Errorf("%q", sent)
		}
		got, err := parseDecoder(sent[1:], new(strings.Builder))
		if err != nil {
			t.Fatal(err)
		}
		if want := o.imaging(); got.imaging().MaxPixels != want.MaxPixels || len(want.Allow)+len(got.allowFormats) > 0 && !reflect.DeepEqual(got.imaging(), want) {
			t.Errorf("%q: %+v, want %+v", sent, got.imaging(), want)
		}
	}
}
