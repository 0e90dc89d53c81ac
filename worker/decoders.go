package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"sluice/pipeline"
	"sluice/pipeline/imaging"
	"sluice/pipeline/isolation"
)

// What --isolation can be.
const (
	isolationProcess = "process"
	isolationNone    = "none"
)

// decoderBase is what a decoder holds besides its image, bytes.
func (o options) decoderBase() int64 {
	if o.isolation == isolationNone {
		return 0
	}
	return isolation.Base
}

func (o options) imaging() *imaging.Options {
	return &imaging.Options{MaxPixels: o.maxPixels, Allow: o.allowFormats}
}

// decoders render, in this process or in others.
type decoders struct {
	imager pipeline.Imager
	stats  func() isolation.Stats
	close  func()
}

// startDecoders starts n of them, as o asks.
func startDecoders(ctx context.Context, o options, n int, log *slog.Logger) (decoders, error) {
	if o.isolation == isolationNone {
		m, err := imaging.New(o.imaging())
		if err != nil {
			return decoders{}, err
		}
		return decoders{m, func() isolation.Stats { return isolation.Stats{} }, m.Close}, nil
	}
	m, err := isolation.New(ctx, imaging.Headers(o.imaging()), isolation.Options{
		Decoders:  n,
		MaxSource: o.maxBytes,
		Args:      o.decoderArgs(),
		Log:       log,
	})
	if err != nil {
		return decoders{}, err
	}
	return decoders{m, m.Stats, m.Close}, nil
}

// decoderArgs are the arguments of a child.
func (o options) decoderArgs() []string {
	return []string{isolation.Arg, "--max-pixels", strconv.FormatUint(o.maxPixels, 10), "--allow-format", strings.Join(o.allowFormats, ",")}
}

// parseDecoder is the inverse of decoderArgs.
func parseDecoder(args []string, stderr io.Writer) (o options, err error) {
	f := pflag.NewFlagSet(isolation.Arg, pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.Uint64Var(&o.maxPixels, "max-pixels", 0, "")
	f.StringSliceVar(&o.allowFormats, "allow-format", nil, "")
	return o, f.Parse(args)
}

// decode is a child's main. It returns the exit status.
func decode(args []string, stderr io.Writer) int {
	o, err := parseDecoder(args, stderr)
	if err != nil {
		return 2
	}
	return isolation.Serve(func() (pipeline.Imager, error) { return imaging.New(o.imaging()) })
}
