package imaging

import "cmp"

// Headers is an Imager that probes and reckons costs, and must not render: it
// leaves libvips alone, and so does not know what it lacks: Render says that. It
// is for a process whose images are rendered by others.
func Headers(opts *Options) *Imager {
	if opts == nil {
		opts = &Options{}
	}
	return &Imager{maxPixels: cmp.Or(opts.MaxPixels, 100e6), allow: opts.Allow}
}
