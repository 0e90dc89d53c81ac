// Package imaging implements pipeline.Imager with libvips, and is the only
// user of govips.
//
// Headers are read here, in Go, before libvips sees a byte: what is on the
// allow-list, how large it is, how it is stored, which way up, and whether its
// end is there. From that follows what decoding it may cost, and how to decode
// it: JPEG and WebP are scaled down while they are decoded, everything that can
// be is streamed, and the rest is resized with Lanczos-3.
package imaging

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/davidbyttow/govips/v2/vips"

	"sluice/pipeline"
)

// Options are optional; nil is all defaults.
type Options struct {
	// MaxPixels is the largest width x height that is decoded. Default: 100
	// million, which is twice what the largest cameras of phones and most
	// scanners make, and 700 MB at the worst (a progressive JPEG, 4:4:4).
	MaxPixels uint64
	// Allow adds formats, of Untrusted, to those that are decoded. Their
	// decoders are less trusted: give them children of their own.
	Allow []string
}

// Imager is safe for concurrent use. Each Render keeps one thread busy: as many
// at once as there are CPUs is what is fast.
type Imager struct {
	maxPixels uint64
	allow     []string
	lacks     map[string]bool // formats; nil if others are to find out
}

var _ pipeline.Imager = (*Imager)(nil)

// New starts libvips, once in a process.
func New(opts *Options) (*Imager, error) {
	if opts == nil {
		opts = &Options{}
	}
	if err := startup(); err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	for _, format := range opts.Allow {
		if !slices.Contains(Untrusted(), format) {
			return nil, fmt.Errorf("imaging: format %q cannot be allowed", format)
		}
		allow(format)
	}
	return &Imager{maxPixels: cmp.Or(opts.MaxPixels, 100e6), allow: opts.Allow, lacks: lacking()}, nil
}

// Close gives back the memory that malloc keeps for the next image. libvips
// itself stays up until the process ends: it cannot be started again, so the
// next Imager of this process would have none. Nor is its cache dropped, which
// is empty: after vips_cache_drop_all, 8.14 crashes at the next operation.
func (*Imager) Close() { trimHeap() }

// startup is done once: what libvips holds is one for the process.
var startup = sync.OnceValue(func() error {
	for name, value := range map[string]string{
		// No loader that libvips itself does not trust with strangers' bytes.
		// govips has no call for it.
		"VIPS_BLOCK_UNTRUSTED": "1",
		// What does not stream is decoded into memory, which was admitted, and
		// never to a temporary file: 100 MB is the default limit.
		"VIPS_DISC_THRESHOLD": "100g",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	tuneMalloc()
	// What libvips warns about either fails the load, or is tolerated on
	// purpose; nothing is only logged.
	vips.LoggingSettings(func(string, vips.LogLevel, string) {}, vips.LogLevelError)
	if err := vips.Startup(&vips.Config{
		// Images are processed side by side, each on one thread; zero would be
		// all CPUs for each.
		ConcurrencyLevel: 1,
		// No image comes twice, so there is nothing to cache.
		MaxCacheMem: 0, MaxCacheSize: 0, MaxCacheFiles: 0,
	}); err != nil {
		return err
	}
	withoutOrc()
	return nil
})
