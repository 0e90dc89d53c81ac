package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"
)

func TestTheLogOfTheSDKIsQuiet(t *testing.T) {
	var out bytes.Buffer
	log := quiet(slog.New(slog.NewTextHandler(&out, nil)))
	log.Info("started")
	log.Error("Activity error.", "Error", temporal.NewCanceledError("a position"))
	log.Error("Activity error.", "Error", errors.New("the store is down"))
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "the store is down") {
		t.Errorf("it says %q", got)
	}
}
