package fetching

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/netip"
	"time"

	"sluice/pipeline"
)

// DefaultUserAgent says honestly what asks. An operator adds a contact.
const DefaultUserAgent = "sluice/0 (bulk image downloader)"

// Options are what the operator of a worker decides. The zero value is all
// defaults.
type Options struct {
	// AllowNets are networks to which requests may go although they are not
	// public, on any port.
	AllowNets []netip.Prefix
	// AllowSources are URLs of buckets and folders whose objects sources may
	// name, besides the dataset's; a query says how to open one (region,
	// endpoint, ...). Open opens it when it is first needed.
	AllowSources []string
	Open         func(ctx context.Context, url string) (pipeline.Store, error)

	// PerHost is how many connections there are to one host and port at a time.
	// 0 is 8, and for hosts that are reached in AllowNets no limit: they are the
	// operator's own. Another number holds for all; negative is no limit.
	PerHost int
	// PerHostRate is how many requests a second one host gets at most, 0 is no
	// limit.
	PerHostRate float64
	// Retries is how often a source is asked for again within a pass after it
	// failed for a transient reason; negative is never.
	Retries int

	MaxBytes     int64 // of one source
	MaxRedirects int   // of one source; negative is none

	// UserAgent is sent with every request. It should name a contact, an address
	// or a URL, so that an origin knows whom to ask.
	UserAgent string

	Timeouts Timeouts

	// IdleBytes bounds the buffers that are kept for the next fetch, which no
	// grant covers.
	IdleBytes int64

	// A test's; nil is the system's.
	roots  *x509.CertPool
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Timeouts of one source over HTTP. Time spent waiting for memory is ours, and
// counts for none of them.
type Timeouts struct {
	Connect   time.Duration // with the resolving of the name
	TLS       time.Duration // handshake
	FirstByte time.Duration // from the request to the end of the headers
	Total     time.Duration // all of it, with redirects

	// Floor is how many bytes a second must come, over each FloorWindow.
	Floor       int64
	FloorWindow time.Duration
}

func (o *Options) applyDefaults() {
	// A JPEG of 100 MP, the most that is decoded, seldom has 50 MB.
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	// Enough for an answer that got lost. What lasts longer is for a later pass.
	o.Retries = cmp.Or(o.Retries, defaultRetries)
	// Shorteners, http to https and www come to three or four; browsers give up
	// at 20.
	o.MaxRedirects = cmp.Or(o.MaxRedirects, 5)
	o.UserAgent = cmp.Or(o.UserAgent, DefaultUserAgent)
	// As many as turn over between a decode that ends and a fetch that begins:
	// some 45 of 350 kB. More would only be memory that nobody was granted.
	o.IdleBytes = cmp.Or(o.IdleBytes, 16<<20)

	t := &o.Timeouts
	// A packet lost three times in a row comes after 7 s.
	t.Connect = cmp.Or(t.Connect, 10*time.Second)
	t.TLS = cmp.Or(t.TLS, 10*time.Second)
	// Image servers that resize on demand take their time.
	t.FirstByte = cmp.Or(t.FirstByte, 30*time.Second)
	// 500 kB at 5 kB/s: slow, and still worth it.
	t.Total = cmp.Or(t.Total, 2*time.Minute)
	// A total alone would let a host hold a download by a byte a second.
	t.Floor = cmp.Or(t.Floor, 1000)
	t.FloorWindow = cmp.Or(t.FloorWindow, 15*time.Second)
}
