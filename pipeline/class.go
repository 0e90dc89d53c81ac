package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// Class says why a row failed. The list is closed: users filter and retry by
// these words, and the manifest's error_class column holds nothing else.
type Class string

// The classes of a failed row. What is wrong with us (a store that is down, a
// full disk, missing credentials) is none of them: that is an error of the
// attempt, which is retried and never turns into a failed row.
const (
	InvalidSource  Class = "invalid_source"  // not a URL or key at all
	Blocked        Class = "blocked"         // an address, bucket or file that the operator did not allow
	Disallowed     Class = "disallowed"      // the origin asks not to be used (X-Robots-Tag)
	NoSuchHost     Class = "no_such_host"    // the name does not exist
	DNS            Class = "dns"             // the resolver failed
	Connect        Class = "connect"         // refused, reset, unreachable
	TLS            Class = "tls"             // handshake or certificate
	Timeout        Class = "timeout"         // connect, first byte or total
	TooSlow        Class = "too_slow"        // under the floor of bytes a second
	HTTP4xx        Class = "http_4xx"        // but 429
	HTTP5xx        Class = "http_5xx"        // but 503 with Retry-After
	RateLimited    Class = "rate_limited"    // 429, or 503 with Retry-After
	Redirect       Class = "redirect"        // too many, or to nowhere
	TooLarge       Class = "too_large"       // more bytes than allowed
	Empty          Class = "empty"           // no bytes
	NotFound       Class = "not_found"       // a missing object of the dataset
	Unsupported    Class = "unsupported"     // not a format on the allow-list
	Corrupt        Class = "corrupt"         // an image that does not decode
	Truncated      Class = "truncated"       // an image without its end
	TooManyPixels  Class = "too_many_pixels" // more than allowed
	OverBudget     Class = "over_budget"     // its decode fits in no pool of this worker
	DecoderCrash   Class = "decoder_crash"   // killed its decoder
	DecoderTimeout Class = "decoder_timeout" // hung its decoder
	Quarantined    Class = "quarantined"     // killed its worker twice, alone
)

// Classes lists every class, in the order in which a row can meet them.
var Classes = []Class{
	InvalidSource, Blocked, Disallowed, NoSuchHost, DNS, Connect, TLS, Timeout, TooSlow,
	HTTP4xx, HTTP5xx, RateLimited, Redirect, TooLarge, Empty, NotFound, Unsupported, Corrupt,
	Truncated, TooManyPixels, OverBudget, DecoderCrash, DecoderTimeout, Quarantined,
}

// Transient reports whether a later pass may well end otherwise.
func (c Class) Transient() bool {
	switch c {
	case DNS, Connect, Timeout, TooSlow, HTTP5xx, RateLimited:
		return true
	}
	return false
}

// RowError is a failure that belongs to one row. Every other error that a stage
// returns is taken for a fault of our surroundings and fails the attempt.
type RowError struct {
	Class   Class
	Message string // one line, for people; never matched upon
	// HTTPStatus is the response's status code, 0 if there was none.
	HTTPStatus int
	// RetryAfter is what the origin asked for, 0 if it did not ask.
	RetryAfter time.Duration
}

// Fail returns a RowError of class c with a formatted message.
func Fail(c Class, format string, args ...any) *RowError {
	return &RowError{Class: c, Message: fmt.Sprintf(format, args...)}
}

func (e *RowError) Error() string { return string(e.Class) + ": " + e.Message }

// AsRowError finds the RowError in err's chain.
func AsRowError(err error) (*RowError, bool) {
	var re *RowError
	ok := errors.As(err, &re)
	return re, ok
}

// UsageError is a mistake of the caller: the wrong column, say. It is found
// before a row is touched, and it is one line that says how to mend it.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// Usagef returns a UsageError with a formatted message.
func Usagef(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}

// FileError is a file of the dataset that cannot be processed as planned: an
// unreadable footer, no such column, a version that changed under the run. It
// fails the partition for good, and names the file.
type FileError struct {
	File    string // relative to the dataset
	Problem string
}

func (e *FileError) Error() string { return e.File + ": " + e.Problem }
