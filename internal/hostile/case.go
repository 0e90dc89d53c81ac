// Package hostile is what the open web does to a downloader, as an origin that
// does it on purpose: hosts that lie, hang and drip, and files that are not what
// they say. Each case says how its row has to end. `make hostile` runs them all
// through a whole run.
package hostile

import (
	"net"
	"net/http"
	"slices"
	"time"

	"sluice/pipeline"
)

// Case is one row of the hostile dataset. It is served by a host of its own, so
// that what one host does is not held against another. To add one, add it to a
// list in misbehaviours.go, sources.go or images.go.
type Case struct {
	Name string
	// Class is how the row ends: ok if it is "".
	Class pipeline.Class

	// Source is the row's source, if no server of the case's own is asked.
	Source string
	// Path is what is asked of the server, "/" if empty.
	Path string
	// One of these answers. Conn closes nothing: the server does.
	Serve http.HandlerFunc
	Conn  func(net.Conn)
	Body  func() []byte // served as an image
	// Rows is how many rows the server's dataset has, 0 is one.
	Rows int
	// Within, if it is not 0, is how long the row may take to be fetched, whatever
	// other rows do.
	Within time.Duration
	// TLS serves over TLS, with a certificate that nobody has signed.
	TLS bool
}

// Cases are all of them.
func Cases() []Case {
	return slices.Concat(misbehaviours, directives, redirections, sources, images)
}
